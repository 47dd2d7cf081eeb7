"""Which rows a private training draws in a step, and what its noise is drawn of: all from the job's secret, not from the seed."""

import hmac

import numpy as np

from shared.errors import DatasetInvalid, Problem


def private_notes(validation: int) -> list[str]:
    """What is to be said of a private training's data. validation: rows of that part. Raises DatasetInvalid for none."""
    if not validation:
        message = "a private training learns borders, known words and the like from the validation part, and there is no row for it"
        raise DatasetInvalid(message, problems=[Problem(field="params.validation_fraction", message=message)])
    return [
        f"private: what is learnt before the first step comes from the {validation:,} rows of the validation part, which epsilon "
        "does not cover; the network learns without dropout"
    ]


class PrivateRows:
    """Poisson sampling: in every step each row is drawn on its own, with the same chance, so that their number varies.

    secret: worker/context.py, Context.secret(). Each step has keys of its own, HMAC-SHA-256 of its number; what is drawn with
    them is NumPy's Philox, which is fast and passes statistical tests, but is no cryptographic generator.
    """

    def __init__(self, secret: bytes, rate: float):
        self._secret, self._rate = secret, rate

    def _key(self, what: str, step: int) -> bytes:
        return hmac.new(self._secret, f"{what} {step}".encode(), "sha256").digest()

    def random(self, what: str, step: int) -> np.random.Generator:
        """A generator for one purpose in one step."""
        return np.random.Generator(np.random.Philox(key=int.from_bytes(self._key(what, step)[:16], "little")))

    def drawn(self, rows: np.ndarray, step: int) -> np.ndarray:
        """Those of the rows that are drawn in a step, in their order; may be none."""
        return rows[self.random("rows", step).random(len(rows)) < self._rate]

    def noise_seed(self, step: int) -> np.ndarray:
        """int64 (2,): 128 bits for TensorFlow's stateless generator."""
        return np.frombuffer(self._key("noise", step)[:16], np.int64).copy()

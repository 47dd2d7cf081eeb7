"""Reads one GGUF file as a source of open weights."""

from collections.abc import Mapping
from pathlib import Path
from typing import Any

from pydantic import ValidationError

from shared.bases.found import MOST_TEMPLATE, Found, fit
from shared.bases.gguf.header import read_header
from shared.bases.gguf.naming import FREQUENCIES, family_of, read_config, tensors_of
from shared.bases.gguf.tensors import bytes_of, source_tensor
from shared.bases.gguf.tokenizer import tokenizer_json
from shared.bases.manifest import Special
from shared.bases.refusing import stop
from shared.bases.tokenizer_check import checked
from shared.errors import Problem


def read_gguf(path: Path, name: str) -> Found:
    """Check a GGUF file. Raises BaseInvalid with all that is wrong, stage by stage."""
    header = read_header(path, name, bytes_of)
    problems: list[Problem] = []
    keys = header.keys
    if "split.count" in keys and keys["split.count"] not in (0, 1):
        message = "the file is one of several: join them first (llama-gguf-split --merge)"
        problems.append(Problem(field="split.count", message=message, file=name))
    tensors = {place.name: source_tensor(path, name, place) for place in header.places}
    family = family_of(keys, problems, name)
    stop(problems)
    assert family
    config = None
    try:
        config = read_config(family, keys, tensors, problems, name)
    except ValidationError as err:
        problems += [
            Problem(field=".".join(map(str, e["loc"])), message=e["msg"].removeprefix("Value error, "), file=name)
            for e in err.errors()
        ]
    stop(problems)
    assert config
    weights = {key: tensor for key, tensor in tensors.items() if key != FREQUENCIES}
    written = fit(config, tensors_of(family, config), weights, family, problems)
    content = tokenizer_json(keys, problems, name)
    if content:
        checked(content, config.vocabulary, problems)
    template = keys.get("tokenizer.chat_template")
    if isinstance(template, str) and len(template) > MOST_TEMPLATE:
        message = f"is longer than {MOST_TEMPLATE:,} characters"
        problems.append(Problem(field="tokenizer.chat_template", message=message, file=name))
    stop(problems)
    packed = sorted({place.kind for place in header.places} - {0, 1, 30})
    notes = ["its packed numbers were unpacked to float32"] if packed else []
    return Found(
        family,
        config,
        written,
        content,
        template if isinstance(template, str) else "",
        _special(keys),
        licence=str(keys.get("general.license", ""))[:80],
        notes=notes,
    )


def _special(keys: Mapping[str, Any]) -> Special:
    tokens = keys["tokenizer.ggml.tokens"]

    def number(name: str) -> int | None:
        found = keys.get(f"tokenizer.ggml.{name}_token_id")
        return found if type(found) is int and 0 <= found < len(tokens) else None

    def text(found: int | None) -> str:
        return "" if found is None else tokens[found]

    ends = [found for found in (number("eos"), number("eot"), number("eom")) if found is not None]
    return Special(
        bos=text(number("bos")), eos=text(number("eos")), pad=text(number("padding")), ends=list(dict.fromkeys(ends))
    )

"""What image_text_matcher reaches on the emoji pictures: 1,911 of 48 pixels with a text each, a tenth held out to be found.

    python -m benchmarks.caption_figures                                    # both encoders from scratch
    python -m benchmarks.caption_figures --base FOLDER                      # all-MiniLM-L6-v2: see encoder_vectors.py
    python -m benchmarks.caption_figures --base FOLDER --backbone FOLDER    # a timm network's config.json and weights
    python -m benchmarks.caption_figures --first 32 --epochs 40 --dropout 0 --keep last    # 32 by heart

Any param of the recipe may be given: --width 32 --epochs 60. Public data: see here.py.
"""

import argparse
import io
import zipfile
from pathlib import Path

from benchmarks.here import add_params, test_data
from benchmarks.one_training import trained


def main() -> None:
    from shared.recipes import get_recipe
    from shared.recipes.base import validate_params

    spec = get_recipe("image_text_matcher")
    parser = argparse.ArgumentParser()
    parser.add_argument("--base", type=Path, default=None)
    parser.add_argument("--backbone", type=Path, default=None)
    parser.add_argument("--first", type=int, default=0)
    add_params(parser, spec)
    asked = {name: value for name, value in vars(parser.parse_args()).items() if value is not None}
    bases = {role: asked.pop(role) for role in ("base", "backbone") if role in asked}
    first = asked.pop("first")
    params = validate_params(spec.train_params, asked)
    uploads = [("emoji.zip", io.BytesIO(_emoji(first)))]
    with trained("emoji", spec, params, uploads, bases=bases) as made:
        made.say()
        if first:
            print("learnt by heart:", _by_heart(made))
            return
        for output in made.report.outputs:
            print("  ", output.title)
        made.say_verdict()


def _emoji(first: int) -> bytes:
    """The set, or its first pictures."""
    whole = (test_data("emoji_pictures") / "emoji_pictures.zip").read_bytes()
    if not first:
        return whole
    out = io.BytesIO()
    with zipfile.ZipFile(io.BytesIO(whole)) as archive, zipfile.ZipFile(out, "w") as some:
        lines = archive.read("captions.tsv").decode().splitlines()[: first + 1]
        some.writestr("captions.tsv", "\n".join(lines))
        for line in lines[1:]:
            name = line.split("\t")[0]
            some.writestr(name, archive.read(name))
    return out.getvalue()


def _by_heart(made: "object") -> dict[str, float]:
    """The figures of the very pictures that were learnt from."""
    from benchmarks.one_training import rounded
    from worker.families.captions.measuring import figures, ranks_of
    from worker.families.captions.reporting import asked_of, scores_of
    from worker.families.captions.vectors import towers_of

    data, model = made.outcome.data, made.outcome.model  # pyright: ignore[reportAttributeAccessIssue]
    asked = asked_of(data, "train")
    scores = scores_of(towers_of(model, data.assets), data, asked, lambda: None)
    return dict(rounded(figures(ranks_of(scores, asked.right, asked.owner, lambda: None))))


if __name__ == "__main__":
    main()

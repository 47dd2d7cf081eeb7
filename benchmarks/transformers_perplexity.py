"""The other half of base_perplexity.py, for an interpreter that has torch and transformers: prints one JSON line.

Usage: python transformers_perplexity.py GGUF_FILE < TOKENS, a JSON list of token numbers.
"""

import json
import sys
from pathlib import Path

import torch  # pyright: ignore[reportMissingImports]
from transformers import AutoModelForCausalLM  # pyright: ignore[reportMissingImports]

if __name__ == "__main__":
    torch.set_num_threads(2)
    gguf, tokens = Path(sys.argv[1]), json.load(sys.stdin)
    model = AutoModelForCausalLM.from_pretrained(gguf.parent, gguf_file=gguf.name, dtype=torch.float32).eval()
    with torch.no_grad():
        logits = model(torch.tensor([tokens])).logits[0].double()
    loss = torch.nn.functional.cross_entropy(logits[:-1], torch.tensor(tokens[1:]))
    print(json.dumps({"perplexity": float(loss.exp())}))

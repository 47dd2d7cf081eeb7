"""The other half of base_decode.py, for an interpreter that has torch and transformers: prints one JSON line.

Usage: python transformers_decode.py GGUF_FILE DTYPE < SETTING, JSON with prompt (token numbers), rows, written.
"""

import json
import sys
import time
from pathlib import Path

import torch  # pyright: ignore[reportMissingImports]
from transformers import AutoModelForCausalLM  # pyright: ignore[reportMissingImports]

if __name__ == "__main__":
    torch.set_num_threads(2)
    gguf, setting = Path(sys.argv[1]), json.load(sys.stdin)
    model = AutoModelForCausalLM.from_pretrained(
        gguf.parent, gguf_file=gguf.name, dtype=getattr(torch, sys.argv[2])
    ).eval()
    speeds, text = {}, []
    for rows in setting["rows"]:
        x, taken = torch.tensor([setting["prompt"]] * rows), []
        most = setting["written"]
        for _ in range(3):
            began = time.perf_counter()
            with torch.no_grad():
                made = model.generate(
                    x,
                    attention_mask=torch.ones_like(x),
                    max_new_tokens=most,
                    min_new_tokens=most,
                    do_sample=False,
                    eos_token_id=None,
                    pad_token_id=2,
                )
            taken.append(time.perf_counter() - began)
        speeds[rows] = rows * most / min(taken)
        text = text or made[0][x.shape[1] :].tolist()
    print(json.dumps({"speeds": speeds, "text": text}))

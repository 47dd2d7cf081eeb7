"""The network of char_lstm and its training written in PyTorch. Run by char_lstm_vs_pytorch.py with an interpreter that has it.

Usage: python pytorch_lstm.py FOLDER, where FOLDER holds setting.json, train.npy, val.npy (int32 tokens) and, one row per step,
starts.npy (int32, first token of each window): both networks read the same windows in the same order. Prints one JSON line.
"""

import json
import math
import sys
import time
from pathlib import Path

import numpy as np
import torch  # pyright: ignore[reportMissingImports]
from torch import nn  # pyright: ignore[reportMissingImports]


class Net(nn.Module):
    """Initialised as Keras does: Glorot uniform kernels, orthogonal recurrence, zero biases but 1 for the forget gate."""

    def __init__(self, size: int, embedding: int, width: int, layers: int):
        super().__init__()
        self.embedding = nn.Embedding(size, embedding)
        self.lstm = nn.LSTM(embedding, width, layers, batch_first=True)
        self.head = nn.Linear(width, size)
        nn.init.uniform_(self.embedding.weight, -0.05, 0.05)
        nn.init.xavier_uniform_(self.head.weight)
        nn.init.zeros_(self.head.bias)
        for name, values in self.lstm.named_parameters():
            if name.startswith("weight_ih"):
                nn.init.xavier_uniform_(values)
            elif name.startswith("weight_hh"):
                nn.init.orthogonal_(values)
            else:
                nn.init.zeros_(values)
                if name.startswith("bias_ih"):
                    values.data[width : 2 * width] = 1.0  # gates: input, forget, cell, output

    def forward(self, x):
        return self.head(self.lstm(self.embedding(x))[0])


def main(folder: Path) -> None:
    setting = json.loads((folder / "setting.json").read_text())
    train, val, starts = (torch.from_numpy(np.load(folder / f"{n}.npy")).long() for n in ("train", "val", "starts"))
    torch.manual_seed(0)
    torch.set_num_threads(setting["threads"])
    net = Net(setting["size"], setting["embedding"], setting["width"], setting["layers"])
    best = torch.optim.Adam(net.parameters(), lr=setting["learning_rate"], betas=(0.9, setting["beta_2"]), eps=1e-7)
    loss_of, length, steps = nn.CrossEntropyLoss(), setting["context"], len(starts)
    low, high, times = setting["final_learning_rate"], setting["learning_rate"], []
    for step, first in enumerate(starts):
        began = time.perf_counter()
        best.param_groups[0]["lr"] = low + (high - low) * 0.5 * (1 + math.cos(math.pi * step / steps))
        rows = train[first[:, None] + torch.arange(length + 1)]
        best.zero_grad(set_to_none=True)
        loss = loss_of(net(rows[:, :-1]).flatten(0, 1), rows[:, 1:].flatten())
        loss.backward()
        nn.utils.clip_grad_norm_(net.parameters(), setting["clip_norm"])
        best.step()
        times.append(time.perf_counter() - began)
    net.eval()
    total, predicted = 0.0, len(val) - 1
    with torch.no_grad():
        whole = predicted // length * length
        x, y = val[:whole].view(-1, length), val[1 : whole + 1].view(-1, length)
        for part in range(0, len(x), 64):
            total += (
                float(loss_of(net(x[part : part + 64]).flatten(0, 1), y[part : part + 64].flatten()))
                * y[part : part + 64].numel()
            )
        if whole < predicted:
            total += float(loss_of(net(val[None, whole:-1])[0], val[whole + 1 :])) * (predicted - whole)
    print(json.dumps({"val_loss": total / predicted, "step_ms": 1000 * sorted(times)[len(times) // 2], "steps": steps}))


if __name__ == "__main__":
    main(Path(sys.argv[1]))

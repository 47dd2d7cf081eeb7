"""image_vae on MNIST: ELBO of the test part in nats, and seconds a step, beside the same network in PyTorch in the same run.

    python -m benchmarks.vae_vs_pytorch [--peer PYTHON] [--epochs 4]

Any param of the recipe may be given. PYTHON: of an environment with torch (benchmarks/requirements.txt). Both: the defaults of the
recipe, AdamW with its schedule, gradients clipped, Bernoulli pixels, the same pictures held out; each side in a process of its own,
one after the other. The peer draws its batches and its noise by itself.
"""

import argparse
import json
import subprocess
from pathlib import Path
from typing import Any

from benchmarks.here import add_params, given, test_data
from benchmarks.one_training import trained

PEER = """
import gzip, json, math, sys, time
from pathlib import Path
import numpy as np, torch
from torch import nn
from torch.nn import functional as F
folder, p = json.loads(sys.argv[1])
torch.manual_seed(p["seed"])
def pictures(part):
    body = gzip.open(Path(folder) / f"{part}-images-idx3-ubyte.gz").read()
    return np.frombuffer(body, np.uint8, offset=16).reshape(-1, 1, 28, 28)
train, test, w, size = pictures("train")[: p["count"]].copy(), pictures("t10k").copy(), p["width"], p["latent"]
mean, std = float(train.mean() / 255), float((train / 255).std())
class Vae(nn.Module):
    def __init__(self):
        super().__init__()
        self.down = nn.ModuleList([nn.Conv2d(1, w, 4, 2), nn.Conv2d(w, 2 * w, 4, 2), nn.Conv2d(2 * w, 4 * w, 4, 2)])
        self.latent, self.first = nn.Linear(64 * w, 2 * size), nn.Linear(size, 64 * w)
        ups = [nn.ConvTranspose2d(a, b, 4, 2, 1) for a, b in ((4 * w, 2 * w), (2 * w, w), (w, 1))]
        self.up = nn.ModuleList(ups)
        for layer in [*self.down, self.first, *ups[:2]]:
            nn.init.kaiming_normal_(layer.weight, nonlinearity="relu", mode="fan_in")
            nn.init.zeros_(layer.bias)
    def bounds(self, x):
        h = (x / 255 - mean) / std
        for layer, pad in zip(self.down, ((1, 1, 1, 1), (1, 1, 1, 1), (1, 2, 1, 2))):
            h = F.relu(layer(F.pad(h, pad)))
        m, logs = self.latent(h.flatten(1)).chunk(2, 1)
        logs = logs.clamp(-16, 8)
        h = F.relu(self.first(m + torch.randn_like(m) * (0.5 * logs).exp())).view(-1, 4 * w, 4, 4)
        for number, layer in enumerate(self.up):
            h = layer(h)[:, :, : (7, 14, 28)[number], : (7, 14, 28)[number]]
            h = F.relu(h) if number < 2 else h
        lost = F.binary_cross_entropy_with_logits(h, x / 255, reduction="none").sum((1, 2, 3))
        return lost, 0.5 * (m * m + logs.exp() - 1 - logs).sum(1)
model = Vae()
optimizer = torch.optim.AdamW(model.parameters(), p["learning_rate"], betas=(0.9, p["beta_2"]), eps=1e-7, weight_decay=0)
batch, steps = p["batch_size"], len(train) // p["batch_size"]
total, warm = steps * p["epochs"], round(p["kl_warmup"] * steps * p["epochs"])
rise = min(p["warmup_steps"], total // 10)
def rate(s):
    if s < rise:
        return (s + 1) / (rise + 1)
    low = p["final_learning_rate"] / p["learning_rate"]
    return low + 0.5 * (1 - low) * (1 + math.cos(math.pi * (s - rise) / max(total - rise, 1)))
schedule, began = torch.optim.lr_scheduler.LambdaLR(optimizer, rate), time.perf_counter()
for step in range(total):
    if step % steps == 0:
        order = np.random.default_rng([p["seed"], step]).permutation(len(train))
    at = order[step % steps * batch : (step % steps + 1) * batch]
    lost, kl = model.bounds(torch.from_numpy(train[at]).float())
    loss = (lost + min((step + 1) / max(warm, 1), 1) * p["beta"] * kl).mean()
    optimizer.zero_grad()
    loss.backward()
    torch.nn.utils.clip_grad_norm_(model.parameters(), p["clip_norm"])
    optimizer.step()
    schedule.step()
seconds, told = time.perf_counter() - began, []
with torch.no_grad():
    for start in range(0, len(test), 256):
        told.append(torch.stack(model.bounds(torch.from_numpy(test[start : start + 256]).float())))
lost, kl = torch.cat(told, 1).mean(1).tolist()
weights = sum(x.numel() for x in model.parameters())
print("RESULT" + json.dumps({"lost": lost, "kl": kl, "step_ms": 1000 * seconds / total, "weights": weights}))
"""


def main() -> None:
    from shared.recipes import get_recipe
    from shared.recipes.base import validate_params

    spec = get_recipe("image_vae")
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--peer", default="")
    add_params(parser, spec)
    told = given(parser)
    peer = told.pop("peer", "")
    params = validate_params(spec.train_params, {"epochs": 4, "likelihood": "bernoulli"} | told)
    folder = test_data("mnist")
    uploads: list[tuple[str, Any]] = [(path.name, path.open("rb")) for path in sorted(folder.glob("*ubyte.gz"))]
    with trained("MNIST", spec, params, uploads) as made:
        made.say()
        made.say_verdict()
        count = made.data.split["train"]
        steps = made.outcome.total_steps
        _row(
            "Trainyard", made.report.metrics, made.outcome.model.count_params(), 1000 / (made.outcome.steps_per_s or 1)
        )
    if peer:
        asked = json.dumps([str(folder), params.model_dump(mode="json") | {"count": count}])
        done = subprocess.run([peer, "-c", PEER, asked], capture_output=True, text=True)
        if done.returncode:
            raise SystemExit(done.stderr[-2000:])
        found = json.loads(done.stdout.split("RESULT")[1])
        metrics = {
            "test_reconstruction": found["lost"],
            "test_kl": found["kl"],
            "test_elbo": -found["lost"] - found["kl"],
        }
        _row(f"PyTorch ({Path(peer).parent.parent.name}), {steps:,} steps", metrics, found["weights"], found["step_ms"])


def _row(side: str, metrics: dict[str, float], weights: int, step_ms: float) -> None:
    figures = " | ".join(f"{metrics[f'test_{name}']:.2f}" for name in ("elbo", "reconstruction", "kl"))
    print(f"| {side} | {figures} | {weights:,} | {step_ms:.1f} ms |", flush=True)


if __name__ == "__main__":
    main()

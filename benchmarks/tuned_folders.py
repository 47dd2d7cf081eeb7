"""Whether Transformers and PEFT load what an export writes, and say the same: logits of each family's tiny model, with adapters.

    python benchmarks/tuned_folders.py write FOLDER                 # with this project
    python benchmarks/tuned_folders.py read FOLDER                  # with torch, transformers, peft (benchmarks/requirements.txt)

The second prints the largest difference of a logit for merged/, and for the base with adapter/.
"""

import json
import shutil
import sys
from pathlib import Path

import numpy as np

FAMILIES = ("gpt2", "llama", "llama3", "mistral", "qwen2", "qwen3", "gemma2", "gemma3")


def write(folder: Path) -> None:
    sys.path.insert(0, str(Path(__file__).resolve().parents[1]))
    from shared.bases.importer import import_base
    from shared.recipes.base import validate_params
    from shared.recipes.finetune_lm import SPEC
    from shared.volume.volume import Volume
    from tests.support.tiny_bases import FOLDER, expected_of, files_of
    from worker.families.tuning.adapters import adapted
    from worker.families.tuning.data import assets_of, template_source
    from worker.families.tuning.exporting import export_tuned
    from worker.families.tuning.network import build_tuned
    from worker.recipe import OpenInput

    folder.mkdir(parents=True)
    volume = Volume(folder / "volume")
    params = validate_params(SPEC.train_params, {"precision": "float32", "rank": 4, "alpha": 6.0})
    for name in FAMILIES:
        base = import_base(volume, files_of(name), name=name, source="a benchmark")
        opened = OpenInput(volume.base_dir(base.id), base=base, hash=base.id)
        model = build_tuned(params, base.decoder, opened.folder, False)
        random = np.random.default_rng(0)
        for _, layer in adapted(model):
            layer.b.assign(random.normal(0, 0.05, layer.b.shape))
        (folder / name).mkdir()
        export_tuned(model, params, assets_of(opened, template_source(opened)), folder / name)
        shutil.copytree(FOLDER / name, folder / name / "base")
        prompt = expected_of(name).prompt
        (folder / name / "prompt.json").write_text(json.dumps(prompt))
        np.save(folder / name / "logits.npy", np.asarray(model(np.array([prompt], np.int32))))


def read(folder: Path) -> None:
    import torch  # pyright: ignore[reportMissingImports]
    from peft import PeftModel  # pyright: ignore[reportMissingImports]
    from transformers import AutoModelForCausalLM  # pyright: ignore[reportMissingImports]

    print("| family | merged/ | base with adapter/ | base alone |\n|---|---|---|---|")
    for name in FAMILIES:
        place = folder / name
        tokens = torch.tensor([json.loads((place / "prompt.json").read_text())])
        ours = np.load(place / "logits.npy")

        def furthest(model: object, tokens: torch.Tensor = tokens, ours: np.ndarray = ours) -> str:
            with torch.no_grad():
                return f"{np.abs(model(tokens).logits.numpy() - ours).max():.1e}"  # pyright: ignore[reportCallIssue]

        merged, base = (
            AutoModelForCausalLM.from_pretrained(place / part, attn_implementation="eager").float().eval()
            for part in ("merged", "base")
        )
        alone = furthest(base)
        adapted = PeftModel.from_pretrained(base, place / "adapter").eval()
        print(f"| {name} | {furthest(merged)} | {furthest(adapted)} | {alone} |")


if __name__ == "__main__":
    {"write": write, "read": read}[sys.argv[1]](Path(sys.argv[2]))

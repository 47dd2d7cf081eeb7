"""nanoGPT's small setting through fit(): wanted a validation loss <= 1.92 on all of tinyshakespeare's last tenth.

nanoGPT itself (github.com/karpathy/nanoGPT, config/train_shakespeare_char.py with the README's CPU flags): the README says 1.88;
its code run on two cores 1.9212 over 200 random validation batches. Run: python -m benchmarks.nanogpt_small [on|off]
"""

import sys

from benchmarks.text_figures import shakespeare, train

SETTING = {
    "context": 64, "batch_size": 12, "layers": 4, "heads": 4, "width": 128, "steps": 2000, "learning_rate": 1e-3,
    "final_learning_rate": 1e-4, "warmup_steps": 100, "beta_2": 0.99, "weight_decay": 0.1, "clip_norm": 1.0,
    "dropout": 0.0, "vocabulary": "char", "validation_fraction": 0.1, "eval_every": 250,
}  # fmt: skip

if __name__ == "__main__":
    xla = sys.argv[1] if len(sys.argv) > 1 else "auto"
    made = train("gpt", SETTING | {"xla": xla}, shakespeare())
    sys.exit(made["val_loss"] > 1.92)

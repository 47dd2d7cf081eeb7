"""MNIST through fit(): wanted >= 99.3 % on its test part. Run: python -m benchmarks.mnist [--epochs 12 ...]"""

from benchmarks.here import test_data
from benchmarks.image_figures import params_from_flags, run

if __name__ == "__main__":
    folder = test_data("mnist")
    defaults = {"width": 16, "epochs": 12, "batch_size": 128, "learning_rate": 4e-3, "validation_fraction": 0.05}
    run("MNIST", sorted(folder.glob("*ubyte.gz")), params_from_flags(defaults))

"""5,000 + 1,000 pictures of CIFAR-10 through fit(). Run: python -m benchmarks.cifar_subset [--epochs 40 ...]"""

from benchmarks.here import test_data
from benchmarks.image_figures import params_from_flags, run

if __name__ == "__main__":
    folder = test_data("cifar10_jpg_subset")
    run("CIFAR-10 subset", [folder / "cifar10_jpg_subset.zip"], params_from_flags({"epochs": 40}))

"""5,000 + 1,000 pictures of CIFAR-10 through fit(). Run: python -m benchmarks.cifar_subset [--epochs 40 ...]"""

import tempfile
import zipfile
from pathlib import Path

from benchmarks.image_figures import params_from_flags, run, test_data

if __name__ == "__main__":
    with tempfile.TemporaryDirectory() as place, zipfile.ZipFile(
        test_data("cifar10_jpg_subset") / "cifar10_jpg_subset.zip"
    ) as archive:
        archive.extractall(place)
        run("CIFAR-10 subset", "image_folder", Path(place), params_from_flags({"epochs": 40}))

"""`make` where python3 is one that TensorFlow is not built for. Each Python and uv here is a script that says what it was asked."""

import os
import shutil
import subprocess
import sys
from pathlib import Path

import pytest

ROOT = Path(__file__).parents[2]
NEWER = """#!/bin/sh
exec {real} -c 'import runpy, sys
sys.version_info, sys.version = (3, 14, 1, "final", 0), "3.14.1 (main)"
sys.argv = sys.argv[1:]
runpy.run_path(sys.argv[0], run_name="__main__")' "$@"
"""
FITTING = """#!/bin/sh
if [ "$1" = -c ]; then echo {number}; else echo "{number} was asked: $(basename "$1") $2"; fi
"""
UV = """#!/bin/sh
if [ "$2" = find ]; then echo {python}; else echo "uv was asked: $*"; fi
"""


def script(path: Path, text: str) -> Path:
    path.parent.mkdir(exist_ok=True)
    path.write_text(text)
    path.chmod(0o755)
    return path


@pytest.fixture
def checkout(tmp_path):
    """A checkout with nothing installed, and in bin/ a python3 that is 3.14."""
    (tmp_path / ".ci").mkdir()
    for name in (".ci/environment.py", "Makefile"):
        shutil.copy(ROOT / name, tmp_path / name)
    script(tmp_path / "bin" / "python3", NEWER.format(real=sys.executable))
    return tmp_path


def run(checkout: Path, *command: str, path: str, **env: str) -> subprocess.CompletedProcess[str]:
    return subprocess.run(
        command, cwd=checkout, env={**os.environ, "PATH": path} | env, capture_output=True, text=True, timeout=60
    )


def test_another_python_on_the_path_is_taken_and_named(checkout):
    script(checkout / "bin" / "python3.13", "#!/bin/sh\nexit 127\n")  # a shim whose Python is not installed
    script(checkout / "more" / "python3.13", FITTING.format(number="3.9"))  # named so, and is not
    fitting = script(checkout / "more" / "python3.12", FITTING.format(number="3.12"))
    done = run(checkout, "make", "env", path=f"{checkout / 'bin'}:{checkout / 'more'}:/usr/bin:/bin")
    assert done.returncode == 0, done.stderr
    assert f"this Python is 3.14.1, TensorFlow needs 3.11 to 3.13: going on with {fitting}" in done.stdout
    assert "3.12 was asked: environment.py run" in done.stdout


def test_without_one_uv_brings_it_and_it_is_named(checkout):
    brought = script(checkout / "fetched" / "python", FITTING.format(number="3.13"))
    script(checkout / "bin" / "uv", UV.format(python=brought))
    path = checkout / "bin"
    for tool in ("sh", "basename"):
        (path / tool).symlink_to(str(shutil.which(tool)))
    done = run(checkout, str(path / "python3"), ".ci/environment.py", "dev", path=str(path))
    assert done.returncode == 0, done.stderr
    assert "uv was asked: python install 3.13" in done.stdout
    assert f"going on with {brought}" in done.stdout
    assert "3.13 was asked: environment.py dev" in done.stdout


def test_where_none_can_be_had_it_is_said_what_to_do(checkout):
    path = checkout / "bin"
    script(path / "uv", "#!/bin/sh\necho no network >&2\nexit 2\n")
    done = run(checkout, str(path / "python3"), ".ci/environment.py", "run", path=str(path))
    assert done.returncode == 1
    assert "make PYTHON=/path/to/python3.13" in done.stdout
    assert "Traceback" not in done.stderr
    assert not (checkout / ".venv").exists()


def test_an_environment_that_fits_needs_no_other_python(checkout):
    (checkout / ".venv" / "bin").mkdir(parents=True)
    script(checkout / ".venv" / "bin" / "python", FITTING.format(number="3.11"))
    (checkout / "uv.lock").write_text("locked")
    digest = "".join(run(checkout, "sha256sum", "uv.lock", path="/usr/bin:/bin").stdout.split()[:1])
    (checkout / ".venv" / ".installed-run").write_text(f"{digest} cpu")
    path = checkout / "bin"
    done = run(checkout, str(path / "python3"), ".ci/environment.py", "run", path=str(path), DEVICE="cpu")
    assert (done.returncode, done.stdout) == (0, "")

"""python .ci/environment.py run|dev|chromium|export|audit: what the Makefile needs before it can start. Stdlib only.

run       .venv with what the service needs        dev   the same with the tools of `make test`
chromium  a browser for the browser tests, where that can be had      export   requirements/*.txt from uv.lock
audit     asks whether a locked package has a known vulnerability

uv does the installing: the one on PATH, else one from PyPI into .venv. Where none can be had, plain pip installs the
same versions with the same hashes from requirements/.

TensorFlow is built for Python 3.11 to 3.13. Started by another, this looks for one of these on PATH, else lets uv bring one.
"""

from __future__ import annotations  # so that an old Python can read this file and say that it is too old

import hashlib
import os
import shutil
import subprocess
import sys
import tempfile
import time
import venv
from pathlib import Path

ROOT = Path(__file__).resolve().parent.parent
VENV = ROOT / ".venv"
PYTHON = VENV / "bin" / "python"
FITTING = ("3.13", "3.12", "3.11")  # what TensorFlow 2.21 is built for
DEVICE = os.environ.get("DEVICE", "cpu")  # or gpu: TensorFlow with CUDA
EXPORTS = {
    "web": ["web"],
    "worker": ["worker", "cpu"],
    "worker-gpu": ["worker", "gpu"],
    "run": ["web", "worker", "cpu", "local"],
    "dev": ["web", "worker", "cpu", "local"],
}


def say(text: str) -> None:
    print(f"environment: {text}", flush=True)


def main(mode: str) -> int:
    if mode == "chromium":
        return chromium()
    if not (f"{sys.version_info[0]}.{sys.version_info[1]}" in FITTING or fits(PYTHON)):
        return with_another_python(mode)
    if mode == "export":
        return export()
    if mode == "audit":
        return audit()
    return install(mode)


def fits(python: Path) -> bool:
    """Whether a Python starts at all (a shim of pyenv may not) and TensorFlow is built for it."""
    command = [str(python), "-c", "import sys; print('%d.%d' % sys.version_info[:2])"]
    try:
        return subprocess.run(command, capture_output=True, text=True).stdout.strip() in FITTING
    except OSError:
        return False


def with_another_python(mode: str) -> int:
    """Do the same with a Python that fits: one on PATH, else one that uv brings. Says which."""
    own = f"this Python is {sys.version.split()[0]}, TensorFlow needs {FITTING[-1]} to {FITTING[0]}"
    folders = os.environ.get("PATH", "").split(os.pathsep)
    named = [Path(folder, f"python{number}") for number in FITTING for folder in folders if folder]
    found = next((path for path in named if path.exists() and fits(path)), None)
    if found:
        say(f"{own}: going on with {found}")
        return subprocess.run([str(found), __file__, mode]).returncode
    say(f"{own}; PATH has none of these: uv brings {FITTING[0]}")
    with tempfile.TemporaryDirectory() as scratch:
        uv = shutil.which("uv") or fetch_uv(Path(scratch))
        brought = bring(uv) if uv else None
        if uv is None or brought is None:
            say(f"no Python {FITTING[0]} could be had; install one, then: make PYTHON=/path/to/python{FITTING[0]}")
            return 1
        say(f"going on with {brought}")
        env = {**os.environ, "PATH": os.pathsep.join([str(Path(uv).parent), *folders])}
        return subprocess.run([brought, __file__, mode], env=env).returncode


def fetch_uv(folder: Path) -> str | None:
    try:
        venv.create(folder, with_pip=True)
    except subprocess.CalledProcessError:  # Debian keeps ensurepip in a package of its own
        return None
    subprocess.run([str(folder / "bin" / "python"), "-m", "pip", "install", "--quiet", "uv"])
    uv = folder / "bin" / "uv"
    return str(uv) if uv.exists() else None


def bring(uv: str) -> str | None:
    """Path of a Python that uv has on this machine or fetches."""
    subprocess.run([uv, "python", "install", FITTING[0]])
    found = subprocess.run([uv, "python", "find", FITTING[0]], capture_output=True, text=True).stdout.strip()
    return found if found and fits(Path(found)) else None


def install(mode: str) -> int:
    stamp = VENV / f".installed-{mode}"
    wanted = f"{hashlib.sha256((ROOT / 'uv.lock').read_bytes()).hexdigest()} {DEVICE}"
    if PYTHON.exists() and stamp.exists() and stamp.read_text() == wanted:
        return 0
    began = time.monotonic()
    make_venv()
    uv = find_uv()
    done = sync(uv, mode) if uv else False
    if not done:
        say("plain pip installs from requirements/ instead")
        done = pip("install", "--no-compile", "--require-hashes", "-r", str(ROOT / "requirements" / f"{mode}.txt"))
    if not done:
        say("the packages could not be installed; the messages above say why")
        return 1
    stamp.write_text(wanted)
    say(f"ready after {time.monotonic() - began:.0f} s")
    return 0


def make_venv() -> None:
    if fits(PYTHON):
        return
    say(f"making {VENV.name} with Python {sys.version.split()[0]}")
    try:
        venv.create(VENV, with_pip=True, clear=True)
    except subprocess.CalledProcessError as err:  # Debian keeps ensurepip in a package of its own
        uv = shutil.which("uv")
        if uv is None:
            raise SystemExit(
                f"environment: no venv can be made ({err}); on Debian: apt-get install python3-venv"
            ) from err
        subprocess.run([uv, "venv", "--seed", "--clear", "--python", sys.executable, str(VENV)], check=True)


def find_uv() -> str | None:
    own = VENV / "bin" / "uv"
    found = shutil.which("uv") or (str(own) if own.exists() else None)
    if found and subprocess.run([found, "--version"], capture_output=True).returncode == 0:
        return found
    say("fetching uv")
    return str(own) if pip("install", "--quiet", "uv") and own.exists() else None


def pip(*arguments: str) -> bool:
    return subprocess.run([PYTHON, "-m", "pip", *arguments]).returncode == 0


def sync(uv: str, mode: str) -> bool:
    extras = [part for extra in ("web", "worker", DEVICE, "local") for part in ("--extra", extra)]
    # inexact: what is there beside the locked packages stays, uv itself for one
    command = [uv, "sync", "--frozen", "--inexact", *extras, "--group" if mode == "dev" else "--no-group", "dev"]
    say("installing the locked packages" + (" (TensorFlow is about 300 MB)" if DEVICE == "cpu" else ""))
    env = os.environ | {"UV_PROJECT_ENVIRONMENT": str(VENV), "UV_PYTHON": str(PYTHON)}
    env.pop("VIRTUAL_ENV", None)
    return subprocess.run(command, cwd=ROOT, env=env).returncode == 0


def chromium() -> int:
    """Never fails: without a browser its tests skip and say so."""
    if any(shutil.which(name) for name in ("chromium", "chromium-browser", "google-chrome")):
        return 0
    if os.environ.get("CI") == "true" and os.geteuid() == 0 and shutil.which("apt-get"):
        say("installing Debian's chromium for the browser tests")
        env = os.environ | {"DEBIAN_FRONTEND": "noninteractive"}
        for command in (
            ["apt-get", "update", "-q"],
            ["apt-get", "install", "-yq", "--no-install-recommends", "chromium"],
        ):
            if subprocess.run(command, env=env, stdout=subprocess.DEVNULL).returncode:
                say("apt-get failed: the browser tests will be skipped")
                return 0
    else:
        say("no chromium here: the browser tests will be skipped (apt-get install chromium brings it)")
    return 0


def audit() -> int:
    """Ask PyPI's advisory database about every locked package. 0: none known, 1: some, 2: it could not be asked."""
    uv = find_uv()
    if uv is None:
        return 2
    known = 0
    for name in ("run", "worker-gpu", "dev"):
        say(f"known vulnerabilities in requirements/{name}.txt")
        file = str(ROOT / "requirements" / f"{name}.txt")
        command = [
            uv,
            "tool",
            "run",
            "pip-audit",
            "--strict",
            "--disable-pip",
            "--require-hashes",
            "--progress-spinner",
            "off",
        ]
        done = subprocess.run([*command, "-r", file], cwd=ROOT, capture_output=True, text=True)
        print(done.stdout, end="")
        if done.returncode and "vulnerabilit" not in done.stdout + done.stderr:
            say(
                "the advisory database could not be asked: "
                + (done.stderr.strip().splitlines() or ["no answer"])[-1][:300]
            )
            return 2
        known |= done.returncode != 0
    return known


def export() -> int:
    uv = find_uv()
    if uv is None:
        return 1
    (ROOT / "requirements").mkdir(exist_ok=True)
    for name, extras in EXPORTS.items():
        chosen = [part for extra in extras for part in ("--extra", extra)]
        group = ["--group", "dev"] if name == "dev" else ["--no-group", "dev"]
        out = ROOT / "requirements" / f"{name}.txt"
        flags = [
            "--frozen",
            "--no-header",
            "--no-annotate",
            "--no-emit-project",
            "--quiet",
            "--format",
            "requirements.txt",
        ]
        subprocess.run([uv, "export", *flags, *chosen, *group, "-o", str(out)], cwd=ROOT, check=True)
        text = (
            f"# {', '.join(extras)}{' and dev' if name == 'dev' else ''} of uv.lock; written by `make requirements`\n"
        )
        out.write_text(text + out.read_text())
    return 0


if __name__ == "__main__":
    sys.exit(main(sys.argv[1]))

"""Takes the screenshots of docs/screenshots/ from a running installation: `python -m docs.make_screenshots URL [FOLDER]`.

Needs the dev tools and a Chromium on PATH (Debian's will do). What is on the pages is whatever that installation holds.
"""

import shutil
import sys
from pathlib import Path

from playwright.sync_api import Browser, Page, sync_playwright

HERE = Path(__file__).parent / "screenshots"
FLAGS = ["--no-sandbox", "--disable-gpu", "--disable-quic", "--no-first-run", "--disable-background-networking"]
WIDE, NARROW = {"width": 1280, "height": 860}, {"width": 360, "height": 740}


def main(url: str, folder: Path = HERE) -> None:
    """Visit every page in both widths and both colour schemes."""
    folder.mkdir(parents=True, exist_ok=True)
    with sync_playwright() as play:
        browser = play.chromium.launch(executable_path=shutil.which("chromium"), args=FLAGS)
        for scheme in ("light", "dark"):
            for label, size in (("wide", WIDE), ("narrow", NARROW)):
                _visit(browser, url.rstrip("/"), folder, scheme, label, size)
        browser.close()


def _visit(browser: Browser, url: str, folder: Path, scheme: str, label: str, size: dict[str, int]) -> None:
    context = browser.new_context(viewport=size, color_scheme=scheme, device_scale_factor=1)  # type: ignore[arg-type]
    page = context.new_page()
    problems: list[str] = []
    page.on("pageerror", lambda error: problems.append(str(error)))
    page.on("console", lambda message: problems.append(message.text) if message.type == "error" else None)
    jobs = page.request.get(f"{url}/api/v1/jobs").json()["jobs"]
    datasets = page.request.get(f"{url}/api/v1/datasets").json()["datasets"]
    paths = {"jobs": "/", "new": "/jobs/new", "train": "/jobs/new?kind=train&recipe=gpt", "datasets": "/datasets"}
    paths |= {"models": "/models", "workers": "/workers", "outputs": "/docs/outputs"}
    for kind in ("train", "generate"):
        found = [job for job in jobs if job["kind"] == kind and job["state"] == "succeeded"]
        if found:
            paths[f"job-{kind}"] = f"/jobs/{found[0]['id']}"
    if datasets:
        paths["dataset"] = f"/datasets/{datasets[0]['id']}"
    for name, path in paths.items():
        page.goto(url + path)
        page.wait_for_load_state("load")
        _load_pictures(page)
        if name == "job-train" and page.locator("#chart-empty").is_hidden():  # there are curves to be drawn
            page.locator("#chart .main-svg").first.wait_for(timeout=20_000)
        page.screenshot(path=folder / f"{name}-{label}-{scheme}.png", full_page=True)
    for problem in problems:
        print(f"{label} {scheme}: {problem}", file=sys.stderr)
    context.close()


def _load_pictures(page: Page) -> None:
    """Load also the pictures further down, which else wait until they come near."""
    page.evaluate("document.querySelectorAll('img[loading=lazy]').forEach((img) => { img.loading = 'eager'; })")
    page.wait_for_function("[...document.images].every((img) => img.complete)")


if __name__ == "__main__":
    main(sys.argv[1], *(Path(argument) for argument in sys.argv[2:3]))

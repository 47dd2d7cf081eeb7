"""A real browser on the session's stack. Without a Chromium these tests skip and say so."""

import shutil
from collections.abc import Callable, Iterator
from typing import Any

import pytest
from PIL import Image
from playwright.sync_api import Browser, Page, sync_playwright

from shared.ids import new_id
from shared.settings import load_settings
from tests.browser.examples import HOUSES, SHIPS, table
from tests.support.web_site import Site

FLAGS = [
    "--no-sandbox", "--disable-gpu", "--disable-quic", "--no-first-run", "--disable-background-networking",
    "--disable-component-update", "--disable-sync",
]  # fmt: skip


@pytest.fixture(scope="session")
def chromium(run_mark) -> Iterator[Browser]:
    path = shutil.which("chromium") or shutil.which("chromium-browser") or shutil.which("google-chrome")
    if path is None:
        pytest.skip("no Chromium on PATH; on Debian: apt-get install chromium")
    with sync_playwright() as play:
        browser = play.chromium.launch(executable_path=path, args=FLAGS)
        yield browser
        browser.close()


@pytest.fixture
def page(chromium, stack) -> Iterator[Page]:
    """A page of a fresh visitor. An error in a script of ours fails the test."""
    context = chromium.new_context(base_url=stack.url, viewport={"width": 1280, "height": 860})
    context.set_default_timeout(20_000)
    page = context.new_page()
    broken: list[str] = []
    page.on("pageerror", lambda error: broken.append(str(error)))
    yield page
    context.close()
    assert not broken, f"errors in scripts: {broken}"


@pytest.fixture(scope="session")
def site(redis_server, tmp_path_factory) -> Iterator[Site]:
    """The web alone, with one more recipe, for pages that no worker has to fill."""
    folder = tmp_path_factory.mktemp("site")
    settings = load_settings(redis_url=redis_server.url, key_prefix=f"site-{new_id()[-8:]}", data=folder / "data")
    running = Site(settings)
    yield running
    running.stop()


@pytest.fixture(scope="session")
def guarded(redis_server, tmp_path_factory) -> Iterator[Site]:
    """A web that asks who one is, and whose workers are to be heard of twice a second."""
    data = tmp_path_factory.mktemp("guarded") / "data"
    prefix = f"site-{new_id()[-8:]}"
    running = Site(
        load_settings(redis_url=redis_server.url, key_prefix=prefix, data=data, login=True, beat_s=0.5, lease_s=40)
    )
    yield running
    running.stop()


@pytest.fixture
def visit(chromium, site) -> Iterator[Callable[..., Page]]:
    """Opens a page of a fresh visitor on `site`: visit(path, width=..., script=...). An error in a script fails the test."""
    contexts = []
    broken: list[str] = []

    def open_page(path: str, *, width: int = 1280, script: bool = True, scheme: Any = "light") -> Page:
        context = chromium.new_context(
            base_url=site.url,
            viewport={"width": width, "height": 860},
            java_script_enabled=script,
            color_scheme=scheme,
        )
        context.set_default_timeout(10_000)
        contexts.append(context)
        page = context.new_page()
        page.on("pageerror", lambda error: broken.append(str(error)))
        page.goto(path)
        if script:
            page.wait_for_selector(
                "html[data-ready]", state="attached"
            )  # what is pressed before is sent without a script
        return page

    yield open_page
    for context in contexts:
        context.close()
    assert not broken, f"errors in scripts: {broken}"


@pytest.fixture(scope="session")
def houses(site) -> str:
    return table(site, "houses.csv", HOUSES)


@pytest.fixture(scope="session")
def ships(site) -> str:
    return table(site, "ships.csv", SHIPS)


@pytest.fixture(scope="session")
def model(site, houses) -> str:
    """A model of the picky recipe, to be used."""
    inputs = {"data": {"dataset_id": houses}}
    job = site.running(kind="train", recipe="picky", params={"target": "price"}, inputs=inputs, name="judge")
    ref = site.checkpoint(job, 1, {"val_loss": 0.5})
    site.ended(job, lambda files: [])
    return site.model(ref, "judge", inputs=inputs, params={"target": "price"}).id


@pytest.fixture(scope="session")
def pictures(tmp_path_factory):
    """Three pictures and a text in files."""
    folder = tmp_path_factory.mktemp("pictures")
    for n in range(3):
        Image.new("RGB", (900, 700), (n * 80, 90, 120)).save(folder / f"图{n}.png")
    (folder / "not a picture.png").write_text("plain words")
    return folder

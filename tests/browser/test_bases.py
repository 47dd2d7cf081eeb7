"""Base models in a real browser: imported with a bar and a button that stops it; what a fine-tuning will learn from."""

import io
import re
import shutil

import pytest
from playwright.sync_api import expect

from shared.bases.manifest import list_bases
from shared.datasets import Limits, import_dataset
from tests.support.tiny_bases import files_of, put_base
from tests.support.tiny_chats import tiny_chats


@pytest.mark.parametrize("script", [True, False], ids=["script", "plain"])
def test_what_lies_in_imports_is_taken_in_and_shown(visit, site, script):
    name = f"laid-{script}"
    folder = site.volume.root / "imports" / name
    folder.mkdir(parents=True)
    for file, path in files_of("gemma2" if script else "gemma3").items():
        shutil.copy(path, folder / file)
    page = visit("/bases", script=script)
    page.get_by_role("button", name=name).click()
    page.wait_for_url(re.compile(r"added="))
    expect(page.get_by_role("status").first).to_contain_text(f"“{name}” is imported")
    expect(page.locator(".model").first).to_contain_text(f"imports/{name}")


def test_a_refusal_names_what_is_wrong_and_keeps_nothing(visit, site):
    folder = site.volume.root / "imports" / "broken"
    folder.mkdir(parents=True)
    (folder / "config.json").write_text("{}")
    before = len(list_bases(site.volume))
    page = visit("/bases")
    page.get_by_role("button", name="broken").click()
    expect(page.get_by_role("alert").first).to_contain_text("tokenizer.json")
    assert len(list_bases(site.volume)) == before


def test_an_import_that_takes_long_tells_how_far_it_is_and_is_stopped_by_its_button(visit, site):
    (site.volume.root / "imports" / "long").mkdir(parents=True, exist_ok=True)
    page = visit("/bases")
    page.evaluate(
        """() => {
          const real = XMLHttpRequest.prototype;
          real.send = function () {
            Object.defineProperty(this, "responseText", { get: () => '{"done": 3000000, "of": 4000000}\\n' });
            this.getResponseHeader = () => "application/x-ndjson";
            this.dispatchEvent(new ProgressEvent("progress"));
          };
          real.abort = function () {
            for (const kind of ["abort", "loadend"]) this.dispatchEvent(new ProgressEvent(kind));
          };
        }"""
    )
    page.get_by_role("button", name="long").click()
    expect(page.get_by_role("progressbar")).to_have_attribute("value", "0.75")
    expect(page.locator(".upload-line")).to_contain_text("checked 3.0 MB of 4.0 MB")
    page.get_by_role("button", name="Cancel").click()
    expect(page.get_by_role("alert").first).to_contain_text("nothing was kept")
    expect(page.get_by_role("progressbar")).to_have_count(0)


def test_the_form_marks_what_a_fine_tuning_will_learn_from_and_says_so_anew(visit, site):
    ((name, content),) = tiny_chats(5)
    data = import_dataset(site.volume, Limits(), [(name, io.BytesIO(content))]).id
    base = put_base(site.volume, "llama").base_id
    page = visit(f"/jobs/new?kind=train&recipe=finetune_lm&inputs.data={data}&inputs.base={base}")
    page.get_by_label("Context", exact=True).fill("100")
    told = page.locator("#foreseen")
    expect(told.get_by_role("heading", name="What it will learn from")).to_be_visible()
    expect(told.locator("mark").first).to_have_text("It is green.<|im_end|>")
    page.get_by_label("Learn", exact=True).select_option("everything")
    expect(told.locator("mark").first).to_contain_text("what colour is")
    page.get_by_label("Context", exact=True).fill("5000")
    expect(told.locator("mark")).to_have_count(0)


@pytest.mark.parametrize("script", [True, False])
def test_what_a_base_as_it_came_can_do_is_offered_and_nothing_else(visit, site, script):
    base = put_base(site.volume, "backbone").base_id
    page = visit(f"/jobs/new?kind=generate&model={base}&recipe=style_transfer", script=script)
    tabs = page.get_by_label("What to do with it").get_by_role("link")
    assert tabs.all_inner_texts() == ["Stylise", "Stylise a dataset"]  # it has not been made here, and is not exported
    tabs.nth(1).click()
    assert page.get_by_role("button", name="Stylise a dataset").is_visible()
    assert page.get_by_label("Style (required)", exact=True).is_visible()

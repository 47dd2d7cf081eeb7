"""Uploads of datasets in a real browser: what is known already, options, refusals and the ways on from them."""

import io
import re
import zipfile

import pytest
from playwright.sync_api import expect

from shared.datasets import Limits, import_dataset
from tests.browser.examples import HOUSES, NEW
from tests.support.uploads import picture, zipped


def test_an_upload_that_is_there_already_says_so(visit, houses, tmp_path):
    copy = tmp_path / "a copy.csv"
    copy.write_text(HOUSES)
    page = visit("/datasets")
    page.locator('input[type="file"]').set_input_files(copy)
    page.wait_for_url("**/datasets/*done=known")
    expect(page.get_by_role("status").first).to_contain_text("uploaded before")
    expect(page.get_by_role("heading", name="houses.csv")).to_be_visible()


def test_a_format_shows_its_options_once_it_is_chosen_and_a_refusal_stands_above_them(visit, tmp_path):
    (tmp_path / "odd.bin").write_bytes(bytes(range(256)))
    page = visit("/datasets")
    page.locator('input[type="file"]').set_input_files(tmp_path / "odd.bin")
    alert = page.get_by_role("alert").first
    expect(alert).to_contain_text("odd.bin")
    choice = page.get_by_label("Format", exact=True)
    expect(choice).to_be_visible()
    above, below = alert.bounding_box(), choice.bounding_box()
    assert above and below and above["y"] < below["y"]
    expect(page.get_by_label("Delimiter")).to_be_hidden()
    choice.select_option("table")
    expect(page.get_by_label("Delimiter")).to_be_visible()
    expect(page.get_by_label("Unknown values")).to_be_hidden()


def test_what_is_picked_stands_first_in_the_list(visit, houses, ships):
    for picked in (houses, ships):
        page = visit(f"{NEW}&dataset={picked}")
        first = page.locator("#input-data-pick input").first
        expect(first).to_have_value(picked)
        expect(first).to_be_checked()


@pytest.mark.parametrize("script", [True, False], ids=["script", "plain"])
def test_a_refused_upload_offers_ways_on_with_the_same_files(visit, tmp_path, script):
    """A row that is too long: dropped, if the user says so."""
    bad = tmp_path / "bad.csv"
    bad.write_text(f"a;b{script}\n" + "\n".join(f"{n};{n % 7}" for n in range(40)) + "\n1;2;3;4\n")
    page = visit("/datasets", script=script)
    page.locator('input[type="file"]').set_input_files(bad)
    if not script:
        page.get_by_role("button", name="Upload").click()
    expect(page.get_by_role("alert").first).to_contain_text("bad.csv")
    expect(page.get_by_role("alert").first).to_contain_text("42")
    if script:
        page.get_by_role("alert").get_by_role("button").first.click()
    else:
        page.locator('input[name="choice"]').first.check()
        page.locator('input[type="file"]').set_input_files(bad)
        page.get_by_role("button", name="Upload").click()
    page.wait_for_url(re.compile(r"/datasets/[0-9a-f]{32}"))
    expect(page.get_by_text("40 rows, 2 columns").first).to_be_visible()


def test_small_pictures_of_a_preview_stand_beside_each_other(visit, site):
    kinds = (("ape", 0), ("bee", 200))
    pictures = [(f"{kind}/{n}.png", picture((40 * n, 90, shade), (72, 72))) for kind, shade in kinds for n in range(6)]
    dataset = import_dataset(site.volume, Limits(), [("pets.zip", io.BytesIO(zipped(pictures)))], name="pets")
    page = visit(f"/datasets/{dataset.id}")
    shown = page.locator("main img")
    expect(shown.nth(11)).to_be_visible()
    tops = {round(box["y"]) for one in shown.all() if (box := one.bounding_box())}
    assert len(tops) <= 6  # two rows or so, not one for each
    assert page.evaluate("document.documentElement.scrollHeight") < 2_500


def folder_of_texts(path, **more):
    """A folder of class folders, with further files by name."""
    texts = {f"{label}/{n}.txt": f"{label} number {n}" for label in ("好评", "差评") for n in range(6)}
    for name, text in (texts | more).items():
        (path / name).parent.mkdir(parents=True, exist_ok=True)
        (path / name).write_text(text, encoding="utf-8")
    return path


def choose_folder(page, folder):
    with page.expect_file_chooser() as chooser:
        page.get_by_role("button", name="Choose a folder").click()
    chooser.value.set_files(folder)


def test_a_folder_of_texts_in_class_folders_becomes_a_table_of_labels(visit, tmp_path):
    page = visit("/datasets")
    choose_folder(page, folder_of_texts(tmp_path / "moods", **{".hidden/x.txt": "never sent"}))
    page.wait_for_url(re.compile(r"/datasets/[0-9a-f]{32}"))
    expect(page.get_by_role("heading", name="moods.zip")).to_be_visible()
    expect(page.get_by_text("12 rows, 2 columns, 2 classes").first).to_be_visible()
    shown = page.locator("main table").last
    expect(shown).to_contain_text("好评")
    expect(shown).to_contain_text("差评 number 5")


def test_texts_of_a_folder_that_cannot_be_used_are_named_and_left_out_when_asked(visit, tmp_path):
    page = visit("/datasets")
    choose_folder(page, folder_of_texts(tmp_path / "moods", **{"好评/empty.txt": "", "README.txt": "about"}))
    alert = page.get_by_role("alert").first
    expect(alert).to_contain_text("好评/empty.txt: is empty")
    expect(alert).to_contain_text("README.txt: lies in no class folder")
    alert.get_by_role("button", name="Leave out 2 texts and take the rest").click()
    page.wait_for_url(re.compile(r"/datasets/[0-9a-f]{32}"))
    expect(page.get_by_text("12 rows, 2 columns, 2 classes").first).to_be_visible()


def test_a_folder_that_is_dropped_arrives_as_the_same_folder_chosen(visit):
    """Entries as a browser hands them over, a hundred at a time; the zip is read by Python's own."""
    page = visit("/datasets")
    packed = page.evaluate(
        """async () => {
            const { dropped } = await import('/static/folders.js');
            const file = (name, text) => ({ name, isDirectory: false, file: (done) => done(new File([text], name)) });
            const folder = (name, inner) => ({ name, isDirectory: true, createReader() {
                let left = [...inner];
                return { readEntries: (done) => done(left.splice(0, 100)) };
            } });
            const many = Array.from({ length: 150 }, (_, n) => file(`${n}.txt`, `第${n}次`));
            const root = folder('moods', [folder('好', many), folder('坏', [file('a.txt', 'bad')]), file('.DS_Store', 'x')]);
            const [zip] = await dropped({ items: [{ webkitGetAsEntry: () => root }], files: [] });
            return [zip.name, [...new Uint8Array(await zip.arrayBuffer())]];
        }"""
    )
    assert packed[0] == "moods.zip"
    with zipfile.ZipFile(io.BytesIO(bytes(packed[1]))) as archive:
        assert archive.testzip() is None and len(archive.namelist()) == 151
        assert archive.read("好/149.txt").decode() == "第149次" and archive.read("坏/a.txt") == b"bad"


def test_what_only_one_format_would_do_for_is_read_as_that(visit, tmp_path):
    """A form that takes tables alone does not take a text in, to say afterwards that it is of another kind."""
    page = visit(NEW)
    wrong = tmp_path / "poem.txt"
    wrong.write_text("床前明月光，疑是地上霜。")
    page.locator("#input-data details.upload-more").evaluate("details => { details.open = true; }")
    page.locator("#input-data-upload").set_input_files(wrong)
    expect(page.get_by_role("alert").first).to_contain_text("a table needs two or more")

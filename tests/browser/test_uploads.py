"""Uploads of datasets in a real browser: what is known already, options, refusals and the ways on from them."""

import re

import pytest
from playwright.sync_api import expect

from tests.browser.examples import HOUSES, NEW


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

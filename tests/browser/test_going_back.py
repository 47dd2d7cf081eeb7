"""Back, reload and the same form sent twice, in a real browser: nothing that was typed is lost, nothing is sent unasked."""

import urllib.parse
import urllib.request

from playwright.sync_api import Page, expect

from tests.browser.examples import NEW, job_of


def fill_in(page: Page) -> None:
    page.get_by_role("radio", name="houses.csv").check()
    expect(page.locator("#input-data-report")).to_contain_text("5 columns")
    page.get_by_label("Target").select_option("rooms")
    page.get_by_role("group", name="Features").get_by_label("city").check()
    page.get_by_label("Epochs").fill("42")
    page.get_by_label("Careful").check()
    page.get_by_label("Name", exact=True).fill("夜里")


def expect_filled_in(page: Page) -> None:
    expect(page.get_by_label("Epochs")).to_have_value("42")
    expect(page.get_by_role("radio", name="houses.csv")).to_be_checked()
    expect(page.get_by_label("Target")).to_have_value("rooms")
    expect(page.get_by_role("group", name="Features").get_by_label("city")).to_be_checked()
    expect(page.get_by_label("Careful")).to_be_checked()
    expect(page.get_by_label("Name", exact=True)).to_have_value("夜里")


def test_back_brings_the_form_as_it_was_sent_and_another_press_makes_another_job(visit, site, houses, ships):
    page = visit(NEW)
    fill_in(page)
    page.get_by_role("button", name="Start training").click()
    first = job_of(site, page)
    page.go_back()
    expect_filled_in(page)
    page.get_by_label("Epochs").fill("43")
    page.get_by_role("button", name="Start training").click()
    second = job_of(site, page)
    assert second.id != first.id and (first.params["epochs"], second.params["epochs"]) == (42, 43)
    assert second.params == first.params | {"epochs": 43} and second.inputs == first.inputs


def test_a_link_followed_and_back_and_a_reload_lose_nothing_that_was_typed(visit, houses, ships):
    page = visit(NEW)
    fill_in(page)
    page.get_by_role("link", name="Models").click()
    page.wait_for_url("**/models")
    page.go_back()
    expect_filled_in(page)
    page.reload()
    expect_filled_in(page)
    page.goto("/")
    page.goto(NEW)  # another visit begins anew
    expect(page.get_by_label("Epochs")).to_have_value("3")


def test_files_that_were_uploaded_are_there_after_going_back(visit, site, model, pictures):
    page = visit(f"/jobs/new?kind=generate&model={model}")
    page.locator('input[type="file"]').set_input_files(pictures / "图0.png")
    expect(page.locator("[data-chosen] li")).to_have_count(1)
    page.get_by_role("button", name="Judge").click()
    first = job_of(site, page)
    page.go_back()
    expect(page.locator("[data-chosen] input:checked")).to_have_count(1)
    page.get_by_label("Note").fill("again")
    page.get_by_role("button", name="Judge").click()
    second = job_of(site, page)
    assert second.id != first.id and second.params["pictures"] == first.params["pictures"]


def expect_refused(page: Page) -> None:
    expect(page.get_by_text("The job was not submitted")).to_be_visible()
    page.wait_for_load_state()


def test_a_refused_form_loaded_again_or_gone_back_to_is_still_the_form_as_it_was_typed(visit, site, houses, ships):
    page = visit(NEW)
    fill_in(page)
    page.get_by_label("Target").select_option("")
    page.get_by_role("button", name="Start training").click()
    expect_refused(page)
    page.get_by_label("Target").select_option("rooms")
    page.reload()
    expect_filled_in(page)
    page.get_by_label("Target").select_option("")
    page.get_by_role("button", name="Start training").click()
    expect_refused(page)
    page.get_by_role("link", name="Models").click()
    page.wait_for_url("**/models")
    page.go_back()
    page.locator("select[name='params.target']").select_option("rooms")  # a text field until the columns have come
    expect_filled_in(page)
    page.get_by_role("button", name="Start training").click()
    assert job_of(site, page).params["target"] == "rooms"
    page.go_back()
    expect_filled_in(page)


def test_files_stay_with_a_refused_form_that_is_loaded_again(visit, model, pictures):
    page = visit(f"/jobs/new?kind=generate&model={model}")
    page.locator('input[type="file"]').set_input_files(pictures / "图0.png")
    expect(page.locator("[data-chosen] li")).to_have_count(1)
    expect(page.locator("[data-chosen] label")).to_have_css("opacity", "1")  # faded only once it is unticked
    page.get_by_label("Priority").evaluate("input => { input.removeAttribute('data-number'); input.value = '99'; }")
    page.get_by_role("button", name="Judge").click()
    expect_refused(page)
    page.reload()
    expect(page.get_by_role("heading", name="Judge with judge")).to_be_visible()
    expect(page.locator("[data-chosen] input:checked")).to_have_count(1)
    expect(page.get_by_label("Priority")).to_have_value("99")


def test_the_same_form_sent_twice_is_one_job_and_changed_it_is_another(site, houses):
    def post(**more: str) -> str:
        values = {
            "kind": "train",
            "recipe": "picky",
            "inputs.data": houses,
            "params.target": "price",
            "idempotency_key": "k1",
        }
        request = urllib.request.Request(f"{site.url}/jobs/new", urllib.parse.urlencode(values | more).encode())
        with urllib.request.urlopen(request) as answer:
            return answer.url

    once, again, other = post(), post(), post(**{"params.epochs": "9"})
    assert once == again != other

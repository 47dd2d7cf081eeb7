"""What if: the row under an answer is changed and asked again, in place with a script; an example fills in its target."""

import io
import json

import pytest
from playwright.sync_api import expect

from shared.datasets import Limits, import_dataset
from shared.jobs.job import InputRef
from shared.outputs import Score, Scores

pytestmark = pytest.mark.timeout(120)
HEAD = "年龄,plan,answer\n"


@pytest.fixture(scope="module")
def trained(site):
    """A checkpoint of a training, and what it learnt from."""
    body = HEAD + "".join(f"{20 + n},{('a', '套餐')[n % 2]},{'yn'[n % 3 == 0]}\n" for n in range(60))
    dataset = import_dataset(site.volume, Limits(), [("t.csv", io.BytesIO(body.encode()))], name="t.csv").id
    inputs = {"data": InputRef(dataset_id=dataset)}
    job = site.running(kind="train", recipe="tabular", params={"target": "answer"}, inputs=inputs, name="who")
    ref = site.checkpoint(job, 1, {"val_loss": 0.5})
    site.ended(job, lambda files: [])
    return ref, inputs


def _asked(site, given):
    job = site.running(
        kind="generate", recipe="tabular", use="generate", inputs={"model": given},
        params={"rows": '{"年龄": 33, "plan": "套餐"}', "explain": False, "top_k": 2},
    )  # fmt: skip
    return site.ended(job, lambda files: [Scores(items=[Score(name="y", value=0.75)])])


@pytest.fixture(scope="module")
def asked(site, trained):
    """A job that was asked about one row, and has answered."""
    ref, inputs = trained
    model = site.model(ref, "who", inputs=inputs, params={"target": "answer"})
    return _asked(site, InputRef(checkpoint=ref, model_id=model.id))


def _answer(site, job_id, value):
    while (claimed := site.store.claim("generate", worker="hand", device="cpu")) is not None and claimed.id != job_id:
        pass
    assert claimed is not None
    site.volume.start_attempt(claimed.id, claimed.attempt)
    site.ended(claimed, lambda files: [Scores(items=[Score(name="y", value=value)])])


def test_a_value_is_changed_and_the_answer_moves_in_place(visit, site, asked):
    page = visit(f"/jobs/{asked.id}")
    form = page.get_by_role("form", name="What if")
    age = form.get_by_label("年龄")
    expect(age).to_have_value("33")
    age.fill("old")
    age.blur()
    expect(form.get_by_text("A number is needed; got old")).to_be_visible()
    age.fill("71")
    expect(form.get_by_text("A number is needed")).to_have_count(0)
    with page.expect_response(lambda reply: reply.url.endswith("/jobs") and reply.request.method == "POST") as sent:
        form.get_by_role("button", name="Predict again").click()
    job_id = sent.value.json()["id"]
    params = site.store.get(job_id).params
    assert (
        json.loads(params["rows"]) == {"年龄": "71", "plan": "套餐"}
        and params["explain"] is False
        and params["top_k"] == 2
    )
    _answer(site, job_id, 0.25)
    expect(form.locator("[data-try-output]")).to_contain_text("25")
    expect(form.locator("[data-try-state]")).to_contain_text("done in")
    expect(page.locator("#output")).to_contain_text("75")


def test_a_checkpoint_that_has_no_name_is_asked_again_by_enter(visit, site, trained):
    ref, _ = trained
    page = visit(f"/jobs/{_asked(site, InputRef(checkpoint=ref)).id}")
    form = page.get_by_role("form", name="What if")
    with page.expect_response(lambda reply: reply.url.endswith("/jobs") and reply.request.method == "POST") as sent:
        form.get_by_label("年龄").press("Enter")
    assert site.store.get(sent.value.json()["id"]).inputs["model"].checkpoint == ref


def test_pressed_before_the_script_is_there_it_asks_the_same_checkpoint(visit, site, trained):
    ref, _ = trained
    before = _asked(site, InputRef(checkpoint=ref)).id
    page = visit(f"/jobs/{before}", script=False)
    page.get_by_role("form", name="What if").get_by_label("年龄").press("Enter")
    page.wait_for_url(lambda url: before not in url)
    assert site.store.get(page.url.rsplit("/", 1)[1]).inputs["model"].checkpoint == ref


def test_a_wrong_cell_is_said_where_it_stands_in_the_large_form(visit, trained):
    ref, _ = trained
    page = visit(f"/jobs/new?kind=generate&source={ref.job_id}/{ref.attempt}/{ref.step}")
    page.get_by_label("年龄").fill("viel")
    page.get_by_label("年龄").press("Enter")
    expect(page.get_by_text("A number is needed; got viel")).to_be_visible()
    expect(page.get_by_label("年龄")).to_be_focused()


def test_without_a_script_the_next_page_has_the_changed_row(visit, site, asked):
    page = visit(f"/jobs/{asked.id}", script=False)
    form = page.get_by_role("form", name="What if")
    form.get_by_label("plan").fill("a")
    form.get_by_role("button", name="Predict again").click()
    page.wait_for_url(lambda url: asked.id not in url)
    again = page.get_by_role("form", name="What if")
    expect(again.get_by_label("plan")).to_have_value("a")
    expect(again.get_by_label("年龄")).to_have_value("33")


def test_an_example_needs_no_more_than_a_press(visit, site):
    page = visit("/jobs/new?kind=train&recipe=tabular")
    expect(page.get_by_role("button", name="Passengers")).to_have_count(0)  # meant for another recipe
    page.get_by_role("button", name="Use Iris").click()
    expect(page.get_by_label("Target (required)")).to_be_visible()
    expect(page.locator("label", has_text="Iris")).to_contain_text("150 rows, 5 columns")
    expect(page.locator('select[name="params.target"]')).to_have_value("species")
    page.get_by_role("button", name="Start training").click()
    page.wait_for_url("**/jobs/0*")
    assert site.store.get(page.url.rsplit("/", 1)[1]).params["target"] == "species"


def test_an_example_is_offered_as_what_is_learnt_from_and_not_beside_it(visit, site):
    page = visit("/jobs/new?kind=train&recipe=recommender_mf")
    expect(page.get_by_role("heading", name="Items")).to_be_visible()
    expect(page.get_by_role("button", name="Use Purchases")).to_have_count(1)

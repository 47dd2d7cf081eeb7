"""How outputs look: all eight kinds on the gallery, and on the pages of jobs, samples and datasets that show them."""

import io
import re

import pytest
from PIL import Image
from playwright.sync_api import expect

from shared.outputs import KINDS, Matrix, Picture, Scores, Table, Text
from shared.recipes import RECIPES
from web.pages.outputs.gallery_data import SHOWN

ALL_KINDS = [kind.model_fields["kind"].default for kind in KINDS]
STICKING_OUT = """() => [...document.querySelectorAll('.out, .out img, .out figure, .out .scroll, .out .output')].filter(
    (e) => e.getBoundingClientRect().right > document.documentElement.clientWidth + 0.5
    ).map((e) => e.outerHTML.slice(0, 80))"""


def png(colour=(200, 60, 40), size=(28, 28)) -> bytes:
    out = io.BytesIO()
    Image.new("RGB", size, colour).save(out, "PNG")
    return out.getvalue()


@pytest.mark.parametrize("width", [1280, 400])
@pytest.mark.parametrize("script", [True, False], ids=["script", "plain"])
def test_all_eight_kinds_are_shown_and_nothing_sticks_out(visit, width, script):
    page = visit("/docs/outputs", width=width, script=script)
    assert sorted(section.kind for section in SHOWN) == sorted(ALL_KINDS)
    for section in SHOWN:
        shown = sum(len(case.outputs) for case in section.cases)
        expect(page.locator(f"#{section.kind} .out-{section.kind}")).to_have_count(shown)
    assert page.evaluate("document.documentElement.scrollWidth") <= width
    assert page.evaluate(STICKING_OUT) == []


def test_pictures_of_the_gallery_are_there(visit):
    page = visit("/docs/outputs")
    for picture in page.locator(".out img").all():
        picture.scroll_into_view_if_needed()
    page.wait_for_function("[...document.querySelectorAll('.out img')].every((i) => i.complete && i.naturalWidth > 0)")
    assert page.locator("#picture img.tiny").count() >= 10  # shown pixel by pixel


def test_classes_of_boxes_are_switched_off_and_on(visit):
    page = visit("/docs/outputs")
    photo = page.locator("#boxes [data-boxes]").first
    edges = photo.locator("g.box[data-class='0']")
    expect(edges.first).to_be_visible()
    windows = photo.get_by_role("checkbox", name=re.compile("window"))
    windows.uncheck()
    for edge in edges.all():
        expect(edge).to_be_hidden()
    expect(photo.locator("g.box[data-class='1']").first).to_be_visible()
    windows.check()
    expect(edges.first).to_be_visible()


def test_boxes_are_drawn_and_named_without_a_script(visit):
    photo = visit("/docs/outputs", script=False).locator("#boxes [data-boxes]").first
    expect(photo.locator("g.box")).to_have_count(7)
    expect(photo.locator("svg.box text")).to_contain_text(["太阳 52 %"])
    expect(photo.get_by_role("checkbox")).to_have_count(0)


def test_a_box_lies_where_its_numbers_say_at_any_size_of_the_picture(visit):
    for width in (1280, 400):
        page = visit("/docs/outputs", width=width)
        photo = page.locator("#boxes .layers").first
        photo.scroll_into_view_if_needed()
        picture, car = photo.bounding_box(), photo.locator("g.box rect.edge").last.bounding_box()  # the surest
        assert picture and car
        scale = picture["width"] / 1200
        assert car["x"] + car["width"] / 2 - picture["x"] == pytest.approx(660 * scale, abs=2)
        assert car["y"] + car["height"] / 2 - picture["y"] == pytest.approx(659 * scale, abs=2)


def test_a_mask_is_made_stronger_and_weaker(visit):
    figure = visit("/docs/outputs").locator("#mask [data-mask]").first
    figure.get_by_label("Mask").fill("100")
    assert figure.locator(".cover").evaluate("(img) => getComputedStyle(img).opacity") == "1"


def test_classes_of_a_mask_are_switched_off_and_on(visit):
    figure = visit("/docs/outputs").locator("#mask [data-mask]").first
    road, house = figure.get_by_role("checkbox", name="road"), figure.get_by_role("checkbox", name="房屋")
    road.uncheck()
    canvas = figure.locator("canvas.cover")
    expect(canvas).to_be_visible()
    expect(figure.locator("img.cover")).to_be_hidden()

    def alpha(x, y):
        return canvas.evaluate("(c, at) => c.getContext('2d').getImageData(...at, 1, 1).data[3]", [x, y])

    assert (alpha(300, 780), alpha(290, 400)) == (0, 255)  # a place of the road, one of the house
    house.uncheck()
    assert (alpha(300, 780), alpha(290, 400)) == (0, 0)
    road.check()
    house.check()
    expect(canvas).to_be_hidden()
    expect(figure.locator("img.cover")).to_be_visible()


def train(site, name="handmade"):
    params = RECIPES["char_lstm"].train_params.model_validate({}).model_dump(mode="json")
    return site.running(kind="train", recipe="char_lstm", params=params, name=name)


def test_a_training_shows_samples_and_its_report_without_a_reload(visit, site):
    job = train(site)
    page = visit(f"/jobs/{job.id}")
    expect(page.locator("#output")).to_be_hidden()
    site.sample(job, 10, lambda files: [Picture(file=files.write("a.png", png())), Text(text="床前明月光")])
    expect(page.locator("#samples .out-text")).to_contain_text("床前明月光")
    expect(page.locator("#samples .out-picture img")).to_be_visible()
    site.checkpoint(job, 10, {"val_loss": 1.0})
    site.checkpoint(job, 20, {"val_loss": 2.0})

    def report(files):
        files.write("mistakes.csv", b"a\n1\n")
        rows = [["猫", 0.25]]
        return [
            Matrix(title="Confusion", names=["猫", "dog"], counts=[[3, 1], [0, 4]]),
            Table(title="Mistakes", columns=["true", "share"], rows=rows, count=1, file="mistakes.csv"),
        ]

    expect(page).to_have_title(re.compile("handmade: running"))
    site.ended(job, report, metrics={"val_loss": 1.0})
    expect(page.locator("#output")).to_be_visible()
    expect(page).to_have_title(re.compile("handmade: succeeded"))
    expect(page.locator('link[rel="icon"]')).to_have_attribute("href", re.compile("marks/succeeded"))
    expect(page.locator("#output .out-matrix")).to_contain_text("7 of 8 right")
    expect(page.locator("#checkpoints tr", has_text="best")).to_contain_text("10")
    with page.expect_download() as download:
        page.locator("#output .out-table").get_by_role("link", name="Download").click()
    assert download.value.suggested_filename == "mistakes.csv"
    expect(page.locator("#artifacts")).not_to_contain_text("outputs.json")
    page.goto("/")
    expect(page.locator("#jobs tr", has_text="handmade").first).to_contain_text("val loss 1")


def use(site, ref, **params):
    inputs = {"model": {"checkpoint": ref.model_dump()}}
    return site.running(kind="generate", recipe="char_lstm", use="generate", params=params, inputs=inputs)


def test_text_streams_into_boxes_that_the_server_renders_and_stays_the_same_at_the_end(visit, site):
    training = train(site)
    ref = site.checkpoint(training, 1, {})
    job = use(site, ref, prompt="明月", samples=2)
    page = visit(f"/jobs/{job.id}")
    expect(page.locator("#output")).to_contain_text("appears here as it is written")
    for index, text in ((0, "光"), (1, "几"), (0, "，疑是"), (1, "时有"), (0, "地上霜")):
        site.piece(job, index, text)
    expect(page.locator("#output .output")).to_have_text(["明月光，疑是地上霜", "明月几时有"])
    expect(page.locator("#output .prompt")).to_have_text(["明月", "明月"])
    page.reload()
    expect(page.locator("#output .output")).to_have_text(["明月光，疑是地上霜", "明月几时有"])
    site.piece(job, 1, "？")
    expect(page.locator("#output .output")).to_have_text(["明月光，疑是地上霜", "明月几时有？"])
    site.ended(job, lambda files: [Text(prompt="明月", text="光，疑是地上霜。"), Text(prompt="明月", text="几时有？")])
    expect(page.locator("#output .output")).to_have_text(["明月光，疑是地上霜。", "明月几时有？"])
    expect(page.locator("#output .waiting")).to_have_count(0)


def test_what_a_job_made_is_the_same_alone_as_on_its_page(visit, site):
    training = train(site)
    job = use(site, site.checkpoint(training, 1, {}), prompt="x")
    site.ended(job, lambda files: [Scores(picture=files.write("p.png", png()), items=[{"name": "猫", "value": 0.9}])])  # type: ignore[list-item]
    page = visit(f"/jobs/{job.id}")
    whole = page.locator("#output-body .outs").evaluate("(e) => e.textContent.replace(/\\s+/g, ' ')")
    page.goto(f"/jobs/{job.id}/output")
    assert page.locator(".outs").evaluate("(e) => e.textContent.replace(/\\s+/g, ' ')") == whole
    expect(page.locator(".answer")).to_contain_text("猫 90.0 %")


def test_damaged_outputs_are_said_to_be_damaged(visit, site):
    training = train(site)
    job = use(site, site.checkpoint(training, 1, {}), prompt="x")
    site.ended(job, lambda files: [Text(text="whole")])
    path = site.volume.attempt_dir(job.id, job.attempt) / "artifacts" / "outputs.json"
    path.write_bytes(b'[{"kind": "nothing"}]')
    expect(visit(f"/jobs/{job.id}").locator("#output")).to_contain_text("damaged")

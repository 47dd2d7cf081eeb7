"""A hole is painted over a picture in the form and goes along as a mask; models that fill none are not asked for one."""

import io

import pytest
from PIL import Image
from playwright.sync_api import expect

from tests.support.tiny_datasets import import_files
from tests.support.tiny_pictures import png
from tests.support.tiny_scenes import clean_files, clean_scene


@pytest.fixture(scope="module")
def restorers(site):
    """Models that fill holes and take noise away, by task."""
    dataset = import_files(site.volume, clean_files(3), "pictures")
    found = {}
    for task in ("inpaint", "denoise"):
        inputs = {"data": {"dataset_id": dataset.id}}
        job = site.running(kind="train", recipe="image_to_image", params={"task": task}, inputs=inputs, name=task)
        ref = site.checkpoint(job, 1, {"val_psnr": 30.0})
        site.ended(job, lambda files: [])
        found[task] = site.model(ref, task, inputs=inputs, params=job.params).id
    return found


@pytest.fixture
def form(visit, restorers):
    return visit(f"/jobs/new?kind=generate&model={restorers['inpaint']}")


def test_models_that_fill_no_holes_are_not_asked_for_masks(visit, restorers):
    for task, asked in (("inpaint", 1), ("denoise", 0)):
        page = visit(f"/jobs/new?kind=generate&model={restorers[task]}")
        expect(page.locator('[data-files="params.images"]')).to_have_count(1)
        expect(page.locator('[data-files="params.masks"]')).to_have_count(asked)
    page = visit("/models")
    expect(page.locator('[data-files="params.images"]')).to_have_count(2)
    expect(page.locator('[data-files="params.masks"]')).to_have_count(1)


def test_what_is_painted_becomes_a_mask_as_large_as_the_picture(form):
    pictures, masks = (form.locator(f'[data-files="params.{name}"]') for name in ("images", "masks"))
    masks.get_by_role("button", name="Paint").click()
    expect(masks.locator(".problem")).to_have_text("Choose a picture first.")
    scene = png(clean_scene(1, height=120, width=200))
    pictures.locator('input[type="file"]').set_input_files(
        {"name": "a.b.png", "mimeType": "image/png", "buffer": scene}
    )
    expect(pictures.locator("li")).to_have_count(1)
    masks.get_by_role("button", name="Paint").click()
    dialog = form.get_by_role("dialog")
    expect(dialog.get_by_role("button", name="Use as mask")).to_be_disabled()
    box = dialog.locator("canvas").bounding_box()
    for y in (0.25, 0.75):
        form.mouse.move(box["x"] + box["width"] * 0.25, box["y"] + box["height"] * y)
        form.mouse.down()
        form.mouse.move(box["x"] + box["width"] * 0.75, box["y"] + box["height"] * y, steps=4)
        form.mouse.up()
    dialog.get_by_role("button", name="Undo").click()
    dialog.get_by_role("button", name="Use as mask").click()
    expect(masks.locator("li")).to_have_count(1)
    expect(masks.locator("li")).to_contain_text("a.b_mask.png")
    file_id = masks.locator("li input").get_attribute("value")
    answer = form.request.get(f"/api/v1/files/{file_id}/content")
    with Image.open(io.BytesIO(answer.body())) as image:
        mask = image.convert("L")
    assert mask.size == (200, 120)
    assert mask.getpixel((100, 30)) == 255 and mask.getpixel((100, 90)) == 0 and mask.getpixel((10, 30)) == 0


def test_leaving_the_dialog_changes_nothing(form):
    pictures, masks = (form.locator(f'[data-files="params.{name}"]') for name in ("images", "masks"))
    scene = png(clean_scene(1, height=120, width=200))
    pictures.locator('input[type="file"]').set_input_files({"name": "a.png", "mimeType": "image/png", "buffer": scene})
    expect(pictures.locator("li")).to_have_count(1)
    masks.get_by_role("button", name="Paint").click()
    form.keyboard.press("Escape")
    expect(form.get_by_role("dialog")).to_have_count(0)
    expect(masks.locator("li")).to_have_count(0)

"""The whole way of OpenAI's Images API: a model trained here, asked over HTTP as their clients ask, answered by a worker."""

import base64
import io
import json
import urllib.error
import urllib.request

import pytest
from PIL import Image

from shared.datasets import Limits, import_dataset
from tests.support.tiny_pictures import folder_files
from tests.support.uploads import zipped

pytestmark = pytest.mark.timeout(240)


@pytest.fixture(scope="module")
def trained(stack):
    """Id of a small maker of pictures of apes, bees and cats."""
    upload = [("zoo.zip", io.BytesIO(zipped(folder_files(40, channels=3, side=6))))]
    dataset = import_dataset(stack.volume, Limits(), upload, name="zoo").id
    params = {"width": 4, "latent": 3, "epochs": 2, "batch_size": 6}
    body = {"kind": "train", "recipe": "image_gan", "name": "zoo", "inputs": {"data": dataset}, "params": params}
    job = stack.client.call("POST", "/jobs", body)
    stack.until(lambda: stack.store.get(job["id"]).state.terminal, 150)
    assert stack.store.get(job["id"]).state == "succeeded", stack.tail()
    return job["id"]


def post(stack, body):
    """(status, JSON) of a request as openai's client sends it."""
    headers = {"Content-Type": "application/json", "Authorization": "Bearer any", "Accept": "application/json"}
    request = urllib.request.Request(f"{stack.url}/v1/images/generations", json.dumps(body).encode(), headers)
    try:
        with urllib.request.urlopen(request, timeout=120) as reply:
            return reply.status, json.load(reply)
    except urllib.error.HTTPError as err:
        with err:
            return err.code, json.load(err)


def test_a_trained_model_makes_pictures_for_openais_clients(stack, trained):
    body = {"model": "zoo", "prompt": "a drawing of a bee", "n": 2, "size": "6x6", "seed": 7}
    status, made = post(stack, body)
    assert status == 200, made
    pictures = [base64.b64decode(entry["b64_json"]) for entry in made["data"]]
    for content in pictures:
        with Image.open(io.BytesIO(content)) as picture:
            assert (picture.format, picture.size, picture.mode) == ("PNG", (6, 6), "RGB")
    status, again = post(stack, body | {"response_format": "url"})
    assert status == 200, again
    fetched = []
    for entry in again["data"]:
        assert entry["url"].startswith(stack.url) and entry["revised_prompt"] == "bee"
        with urllib.request.urlopen(entry["url"], timeout=30) as reply:
            fetched.append(reply.read())
    assert fetched == pictures, "the same seed makes the same pictures"
    assert post(stack, body | {"seed": 8})[1]["data"] != made["data"]
    status, refused = post(stack, body | {"prompt": "a dog"})
    assert status == 400 and "ape, bee, cat" in refused["error"]["message"]

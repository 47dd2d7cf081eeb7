"""Datasets over HTTP: formats, options and the choices of a refusal, reports, previews and their files."""

import io
import json

import pytest

from shared.datasets.report import REPORT_VERSION
from tests.integration.test_api import problem
from tests.support.callers import Caller
from tests.support.uploads import classes, zipped
from web import create_app

ORDERS = "city,amount\n" + "".join(f"{('北京', '上海')[i % 2]},{i % 7 + 0.5}\n" for i in range(30))
TORN = "city,amount\n" + "".join(f"a,{i}\n" for i in range(30)) + "b,1,2,3\n"


@pytest.fixture
def call(settings, store):
    return Caller(create_app(settings))


def send(call, content, filename, **fields):
    data = {"file": (io.BytesIO(content if isinstance(content, bytes) else content.encode()), filename)} | fields
    return call("POST", "/api/v1/datasets", data=data)


def test_a_table_comes_back_with_its_report_and_a_preview(call):
    sent = send(call, ORDERS, "orders.csv", name="订单")
    assert sent.status_code == 201 and (sent.json["format"], sent.json["name"]) == ("table", "订单")
    found = call("GET", sent.headers["Location"]).json
    assert [(c["name"], c["kind"]) for c in found["report"]["columns"]] == [("city", "category"), ("amount", "number")]
    (shown, *_) = call("GET", f"{sent.headers['Location']}/preview").json["outputs"]
    assert shown["kind"] == "table" and shown["columns"] == ["city", "amount"] and shown["rows"][0][0] == "北京"
    (listed,) = call("GET", "/api/v1/datasets").json["datasets"]
    assert listed["report"]["rows"] == 30 and listed["files"] == []
    again = send(call, ORDERS, "orders.csv", name="orders of May")
    assert (again.status_code, again.json["name"]) == (200, "订单")
    assert again.json["notes"][-1] == "the same content was uploaded before, as '订单': this is it, under that name"
    assert "before" not in str(call("GET", sent.headers["Location"]).json["notes"])


def test_a_refusal_that_leaves_a_choice_says_which_option_goes_on(call):
    refused = problem(send(call, TORN, "torn.csv"), 422)
    assert refused["choices"], refused
    choice = refused["choices"][0]
    assert choice.keys() == {"option", "value", "title"} and choice["title"]
    wanted = json.dumps({choice["option"]: choice["value"]})
    sent = send(call, TORN, "torn.csv", options=wanted)
    assert sent.status_code == 201, sent.text
    assert sent.json["options"][choice["option"]] == choice["value"] and sent.json["report"]["dropped"]["broken"] == 1


@pytest.mark.parametrize(
    ("options", "field", "word"),
    [
        ("{", "options", "no JSON"),
        ("[1]", "options", "must be a JSON object"),
        ("[" * 100_000, "options", "no JSON"),
        ('{"bogus": 1}', "options.bogus", "known are"),
        ('{"header": "maybe"}', "options.header", "maybe"),
    ],
)
def test_options_that_cannot_be_used_are_named_and_leave_nothing(call, settings, options, field, word):
    refused = problem(send(call, ORDERS, "orders.csv", options=options), 422, word)
    assert field in [p["field"] for p in refused["problems"]]
    assert list((settings.data / "datasets").iterdir()) == []


def test_a_format_may_be_said_and_an_unknown_one_is_named_with_the_known(call):
    known = [f["name"] for f in call("GET", "/api/v1/formats").json["formats"]]
    assert {"text", "table", "pictures", "idx"} <= set(known)
    poem = "床前明月光，疑是地上霜。\n" * 50
    assert send(call, poem, "poem.txt", format="text").json["format"] == "text"
    refused = problem(send(call, ORDERS, "orders.csv", format="novel"), 422, *known)
    assert [p["field"] for p in refused["problems"]] == ["format"]


def test_what_formats_say_is_enough_to_make_a_form_of_it(call):
    answer = call("GET", "/api/v1/formats").json
    assert answer["max_upload_bytes"] > 0
    for format in answer["formats"]:
        assert format["title"] and format["help"] and format["suffixes"]
        assert format["options"]["type"] == "object" and isinstance(
            format["options"]["properties"], dict | None.__class__
        )
        for example in format["examples"]:
            made = call("POST", f"/api/v1/datasets/examples/{example['name']}")
            assert made.status_code == 201 and made.json["format"] == format["name"]
            assert call("POST", f"/api/v1/datasets/examples/{example['name']}").status_code == 200
            assert call("GET", f"/api/v1/recipes/{example['recipe']}").status_code == 200
    problem(call("POST", "/api/v1/datasets/examples/nope"), 404, "no example")


def test_the_files_of_a_preview_are_shown_and_no_others(call):
    sent = send(call, zipped(classes()), "pets.zip")
    assert sent.status_code == 201, sent.text
    place = sent.headers["Location"]
    outputs = call("GET", f"{place}/preview").json["outputs"]
    names = [o.get("file") or o.get("picture") for o in outputs]
    assert names
    for name in names:
        shown = call("GET", f"{place}/files/{name}", buffered=True)
        assert shown.status_code == 200 and shown.mimetype.startswith("image/") and shown.data, name
    for name in ("nope.png", "..%2fmanifest.json", "../manifest.json", "%2e%2e/%2e%2e/x"):
        assert call("GET", f"{place}/files/{name}").status_code == 404, name


def test_a_report_of_an_older_release_is_made_anew(call, volume):
    sent = send(call, ORDERS, "orders.csv").json
    path = volume.dataset_dir(sent["id"]) / "manifest.json"
    manifest = json.loads(path.read_text())
    manifest["report"] = {"version": REPORT_VERSION - 1, "rows": 3}
    path.write_text(json.dumps(manifest))
    report = call("GET", f"/api/v1/datasets/{sent['id']}").json["report"]
    assert report == sent["report"]

"""Hostile inputs over HTTP: each is answered by a clear refusal or taken as plain data; nothing leaks, breaks or is left."""

import gzip
import io
import json
import logging
import random
import re
import struct
import tracemalloc
import zlib

import pytest

from tests.attacks import inputs
from tests.attacks.conftest import SECRET, files

pytestmark = pytest.mark.timeout(300)


@pytest.fixture(autouse=True)
def nothing_got_out_or_in(target, caplog):
    """After every test: no line forged into the log, no file of what was there changed, nothing half written."""
    caplog.set_level(logging.DEBUG)
    yield
    for record in caplog.records:
        text = record.getMessage()
        assert "\n" not in text.replace("\n\n", "") or record.exc_info, f"a forged line in the log: {text!r:.200}"
        assert not re.search(r"ty_[0-9a-z]{26}_", text), "a key in the log"
        assert not record.exc_info, f"an error nobody expected: {text:.300} {record.exc_info}"
    now = files(target.volume.root)
    changed = [name for name, content in target.before.items() if now.get(name) != content]
    assert not changed, f"changed or gone: {changed}"
    assert not [name for name in now if ".tmp-" in name]


def safe(answer, context):
    """No server error, no file from outside, no path of the server, and the headers that keep a browser harmless."""
    text = answer.get_data().decode(errors="replace")
    assert answer.status_code < 500, f"{answer.status_code} for {context!r:.300}: {text[:300]}"
    assert SECRET not in text and "root:x:" not in text, f"a file from outside for {context!r:.300}"
    assert "Traceback" not in text and "site-packages" not in text, f"insides of the server for {context!r:.300}"
    assert answer.headers["X-Content-Type-Options"] == "nosniff"
    assert (
        "Content-Security-Policy" in answer.headers
        and "'unsafe-inline'" not in answer.headers["Content-Security-Policy"]
    )
    assert "Set-Cookie" not in answer.headers
    assert "public" not in answer.headers.get("Cache-Control", "") or answer.request.path.startswith("/static/"), (
        context
    )
    if answer.status_code >= 400 and answer.mimetype != "text/html":
        assert answer.mimetype == "application/problem+json", context
        assert answer.json["code"] and answer.json["title"], context
    return answer


@pytest.mark.parametrize("place", inputs.PLACES)
def test_no_path_leaves_its_folder(target, place):
    for text in inputs.PATHS:
        path = place.replace("{job_id}", target.ids["job_id"]).replace("{dataset_id}", target.ids["dataset_id"])
        answer = safe(target.call("GET", path.replace("{}", text)), (place, text))
        assert answer.status_code in (200, 301, 302, 308, 400, 404, 405, 414, 422), (place, text, answer.status_code)
        if answer.status_code == 200 and answer.mimetype not in ("text/html", "application/json"):
            assert "curve.png" in path.replace("{}", text), (place, text)


@pytest.mark.parametrize("field", ["name", "prompt"])
def test_text_stays_text_in_every_answer_and_page(target, field):
    for text in inputs.TEXTS:
        if field == "name":
            inputs_ = {"data": target.ids["dataset_id"]}
            body = {"kind": "train", "recipe": "char_lstm", "inputs": inputs_, "name": text}
        else:
            body = {"kind": "generate", "inputs": {"model": target.ids["model_id"]}, "params": {"prompt": text}}
        answer = safe(target.call("POST", "/api/v1/jobs", json=body), text)
        if answer.status_code != 202:
            assert answer.status_code == 422 and answer.json["problems"], text
            continue
        job = answer.json
        assert job["name"] == text.strip() if field == "name" else job["params"]["prompt"] == text
        for path in (f"/jobs/{job['id']}", "/", f"/jobs/new?from={job['id']}"):
            page = safe(target.call("GET", path), (text, path)).get_data(as_text=True)
            for bad in ("<script>alert", "<img src=x", "<svg/onload", "<script>x()"):
                assert bad not in page, (text, path)
        target.call("POST", f"/api/v1/jobs/{job['id']}/cancel")


@pytest.mark.parametrize("kind", ["types", "params", "inputs"])
def test_a_wrong_value_is_named_and_nothing_is_queued(target, kind):
    given = [{"kind": "train", "recipe": "char_lstm", "inputs": value} for value in inputs.INPUTS]
    for body in {"types": inputs.TYPES, "params": inputs.PARAMS, "inputs": given}[kind]:
        sent = json.loads(json.dumps(body).replace("DATASET", target.ids["dataset_id"]))
        answer = safe(target.call("POST", "/api/v1/jobs", json=sent), body)
        if answer.status_code == 202:  # null, an empty list and the like may stand for what is left out
            target.call("POST", f"/api/v1/jobs/{answer.json['id']}/cancel")
        else:
            assert answer.status_code == 422 and answer.json["problems"], (body, answer.status_code)


def test_a_body_that_is_no_request_is_refused(target):
    for body in inputs.BODIES:
        answer = safe(
            target.call("POST", "/api/v1/jobs", data=body, headers={"Content-Type": "application/json"}), body
        )
        assert answer.status_code in (400, 413, 422), (body[:100], answer.status_code)


def test_headers_and_queries_change_nothing(target):
    for headers in inputs.HEADERS:
        for method, path in (("POST", "/api/v1/jobs"), ("GET", f"/api/v1/jobs/{target.ids['waiting']}/artifacts")):
            answer = safe(target.call(method, path, headers=headers, data=b"{}" if method == "POST" else None), headers)
            assert answer.status_code in (200, 304, 400, 401, 403, 415, 422), (headers, answer.status_code)
    for query in inputs.QUERIES:
        safe(target.call("GET", f"/api/v1/jobs{query}"), query)
        safe(target.call("GET", f"/jobs{query}"), query)


def test_the_name_of_an_upload_is_no_path_and_no_format(target):
    for name in inputs.UPLOAD_NAMES:
        content = f"Eine Zeile für {name!r:.50}, lang genug.\n".encode() * 40
        answer = safe(target.call("POST", "/api/v1/datasets", data={"file": (io.BytesIO(content), name)}), name)
        assert answer.status_code in (200, 201, 422), (name, answer.status_code)
        if answer.status_code == 201:
            kept = answer.json
            assert not re.search(r"[/\\\x00-\x1f]", kept["name"]), kept["name"]
            assert target.call("DELETE", f"/api/v1/datasets/{kept['id']}").status_code == 204


def test_options_of_an_upload_are_named_where_they_cannot_be_used_and_nothing_is_kept(target):
    table = "".join(f"a,{n}\n" for n in range(20)).encode()
    for text in inputs.OPTIONS:
        sent = {"file": (io.BytesIO(b"city,amount\n" + table), "t.csv"), "options": text}
        answer = safe(target.call("POST", "/api/v1/datasets", data=sent), text)
        assert answer.status_code in (413, 422), (text[:100], answer.status_code)
        if answer.status_code == 422:
            assert all(
                p["field"].startswith("options") or "more problems" in p["message"] for p in answer.json["problems"]
            )


def test_a_file_is_taken_as_bytes_and_given_back_as_bytes_whatever_it_says_of_itself(target):
    for kind, query, body in inputs.FILES:
        sent = {"data": body, "headers": {"Content-Type": kind} if kind else {}}
        answer = safe(target.call("POST", f"/api/v1/files{query}", **sent), (kind, query, body))
        assert answer.status_code in (201, 400, 413, 415, 422), (kind, query, body, answer.status_code)
        if answer.status_code == 201:
            assert not re.search(r"[/\\\x00-\x1f]", answer.json["name"]), answer.json
            back = safe(target.call("GET", f"{answer.headers['Location']}/content", buffered=True), (kind, query))
            assert back.headers["Content-Disposition"].startswith("attachment")
            assert back.mimetype == "application/octet-stream" and back.data == body


def chunk(kind, data):
    return len(data).to_bytes(4, "big") + kind + data + zlib.crc32(kind + data).to_bytes(4, "big")


def png(width, height):
    """A PNG that says it is so large and holds nearly nothing."""
    head = chunk(b"IHDR", width.to_bytes(4, "big") + height.to_bytes(4, "big") + b"\x08\x02\0\0\0")
    return b"\x89PNG\r\n\x1a\n" + head + chunk(b"IDAT", zlib.compress(b"\0" * 100)) + chunk(b"IEND", b"")


@pytest.mark.parametrize("size", [(50_000, 50_000), (2**31 - 1, 2**31 - 1), (1, 2**31 - 1), (0, 0), (65_500, 65_500)])
def test_a_picture_that_would_not_fit_into_memory_is_refused_by_name(target, size):
    import zipfile

    bomb = png(*size)
    out = io.BytesIO()
    with zipfile.ZipFile(out, "w") as archive:
        for name in ("a/1.png", "a/2.png", "b/1.png", "b/2.png"):
            archive.writestr(name, bomb)
    out.seek(0)
    answer = safe(target.call("POST", "/api/v1/datasets", data={"file": (out, "bombs.zip")}), size)
    assert answer.status_code == 422 and "png" in answer.get_data(as_text=True)
    sent = target.call("POST", "/api/v1/files", data={"file": (io.BytesIO(bomb), "bomb.png")})
    body = {"kind": "generate", "inputs": {"model": target.ids["model_id"]}, "params": {"images": [sent.json["id"]]}}
    assert safe(target.call("POST", "/api/v1/jobs", json=body), size).status_code == 422, "its recipe takes no pictures"


@pytest.mark.parametrize("packed", [False, True])
def test_a_picture_of_an_idx_file_costs_no_more_memory_than_it_is_large(target, packed):
    side, count = 100, 45
    row = random.Random(0).randbytes(side * side // 16)
    pixels = struct.pack(">HBBIII", 0, 8, 3, count, side, side) + (row + bytes(side * side - len(row))) * count
    labels = struct.pack(">HBBI", 0, 8, 1, count) + bytes(n % 2 for n in range(count))
    sent = [("train-images-idx3-ubyte", pixels), ("train-labels-idx1-ubyte", labels)]
    sent = [(f"{name}.gz", gzip.compress(data)) if packed else (name, data) for name, data in sent]
    answer = target.call("POST", "/api/v1/datasets", data={"file": [(io.BytesIO(data), name) for name, data in sent]})
    assert answer.status_code == 201, answer.json
    place = f"/api/v1/datasets/{answer.json['id']}"
    names = [shown["file"] for shown in target.call("GET", f"{place}/preview").json["outputs"]]
    first = safe(target.call("GET", f"{place}/files/{names[0]}", buffered=True), "first")
    tracemalloc.start()
    try:
        last = safe(target.call("GET", f"{place}/files/{names[-1]}", buffered=True), "last")
        assert tracemalloc.get_traced_memory()[1] < 20 * side * side
    finally:
        tracemalloc.stop()
    assert last.status_code == 200 and last.data == first.data and len(names) < count
    for beyond in ("pictures/44.png", "pictures/45.png", "pictures/-1.png", "pictures/00.png", "pictures/²"):
        assert safe(target.call("GET", f"{place}/files/{beyond}"), beyond).status_code == 404
    assert target.call("DELETE", place).status_code == 204


def test_there_are_at_least_three_hundred_of_them():
    assert inputs.count() >= 300

"""What is thrown at the service: one list for each kind of trick. Each entry is one hostile input."""

import json
from typing import Any

_OUT = [
    "../../../secret.txt",
    "..%2f..%2f..%2fsecret.txt",
    "..%252f..%252fsecret.txt",
    "....//....//secret.txt",
    "..\\..\\secret.txt",
]
_OUT += [
    "..%5c..%5csecret.txt",
    "%2e%2e/%2e%2e/secret.txt",
    "/etc/passwd",
    "//etc/passwd",
    "file:///etc/passwd",
    "..%c0%af..%c0%afsecret.txt",
]
_OUT += [
    "..%00/secret.txt",
    "curve.png%00.txt",
    "./curve.png/../../../../secret.txt",
    "~/secret.txt",
    ".",
    "..",
    "%2e",
    "%2e%2e",
    "...",
    "CON",
]
_OUT += [
    "keys",
    "../keys",
    "manifest.json",
    ".tmp-x",
    "%0d%0aSet-Cookie:a=b",
    "a%00b",
    "%ff%fe",
    "｡｡/secret.txt",
    "..／..／secret.txt",
    "a" * 300,
]
PATHS = [
    *_OUT,
    "$(id)",
    "`id`",
    "{{7*7}}",
    "%7b%7b7*7%7d%7d",
    "*",
    "?",
    "#",
    ";ls",
    "|id",
    "'--",
    '"',
    "<x>",
    "-rf",
    "0",
    "-1",
    "null",
    "%",
]

# Where a path of ours takes a piece from outside.
PLACES = [
    "/api/v1/jobs/{job_id}/artifacts/{}",
    "/api/v1/jobs/{job_id}/samples/1/1/{}",
    "/api/v1/jobs/{job_id}/samples/1/{}/grid.png",
    "/api/v1/jobs/{}/outputs",
    "/api/v1/jobs/{}/log",
    "/api/v1/datasets/{}",
    "/api/v1/datasets/{}/preview",
    "/api/v1/datasets/{dataset_id}/files/{}",
    "/api/v1/datasets/examples/{}",
    "/api/v1/files/{}",
    "/api/v1/files/{}/content",
    "/api/v1/models/{}",
    "/api/v1/recipes/{}",
    "/static/{}",
    "/jobs/{}",
    "/datasets/{dataset_id}/picture?file={}",
    "/jobs/new?from={}",
    "/jobs/new?source={}",
    "/jobs/new?kind=train&recipe={}",
]

TEXTS = [
    "<script>alert(1)</script>", '"><img src=x onerror=alert(1)>', "'><svg/onload=alert(1)>", "</title><script>x()</script>", "{{7*7}}",
    "{% raw %}", "${7*7}", "#{7*7}", "javascript:alert(1)", "&lt;b&gt;", "<!--", "]]>", "\u202egnp.exe", "\u200b\u200c\u200d\ufeff",
    "Ｚ̴̡a̷l̸g̶o̵" * 10, "👩‍👩‍👧‍👦" * 20, "\U0010ffff", "\ud7ff\ue000", "床前明月光" * 30, "אבג abc גבא", "a\u0000b", "a\nb\r\nSet-Cookie: x=y",
    "\x1b[2J\x1b[31mred", "\x7f\x80\x9f", "%s%s%s%n", "../../etc/passwd", "'; DROP TABLE jobs; --", "*|(objectclass=*)", "=cmd|'/c calc'!A0",
    "__proto__", "constructor", "\\u003cscript\\u003e", "\ufdfd" * 50, "İıſ", "ﬀﬁ", "１２３", "­" * 100, "\u2028\u2029",
]  # fmt: skip

# Bodies of POST /api/v1/jobs. DATASET stands for an id that is there.
_TRAIN: dict[str, Any] = {"kind": "train", "recipe": "char_lstm", "inputs": {"data": "DATASET"}}
_FIELDS = [
    "kind",
    "recipe",
    "use",
    "params",
    "inputs",
    "name",
    "priority",
    "after",
    "deadline_at",
]
_WRONG: list[Any] = [
    None,
    True,
    -1,
    1e308,
    10**40,
    "",
    "x" * 5_000,
    [],
    [[]],
    [None],
    {},
    {"a": {"b": {}}},
    "\u0000",
    "NaN",
]
TYPES = [_TRAIN | {field: value} for field in _FIELDS for value in _WRONG]

# Inputs of POST /api/v1/jobs.
INPUTS: list[Any] = [{"data": value} for value in _WRONG] + [
    {"data": "DATASET", "start_from": value} for value in _WRONG
]
INPUTS += [{"data": {name: value}} for name in ("id", "dataset_id", "model_id", "job_id", "step") for value in _WRONG]
INPUTS += [
    {"data": "DATASET", "model": "DATASET"}, {"data": {"job_id": "DATASET", "step": 10**30}}, {"data": "../../keys"}, {"": "DATASET"},
    {"data": {"dataset_id": "DATASET", "id": "DATASET"}}, {"__class__": "DATASET"}, {"data": "DATASET", "x" * 10_000: "DATASET"},
    {"data": "DATASET", "start_from": {"job_id": "..", "attempt": 0, "step": -1}}, {f"r{n}": "DATASET" for n in range(500)},
    {"data": "DATASET", "start_from": {"dataset_id": "DATASET"}}, {"data": "\u202eDATASET"}, {"data": "DATASET\n"}, {"DATA": "DATASET"},
    {"data": "DATASET", "start_from": "DATASET"}, {"data": {"model_id": "DATASET"}}, {"data": {"id": "DATASET", "attempt": 1}},
]  # fmt: skip

# The options of an upload, as the form field they are sent in.
OPTIONS = [
    "{", "[]", "null", "1", '"x"', "NaN", '{"a": NaN}', "{}" * 2, "[" * 100_000, '{"a":' * 5_000 + "1" + "}" * 5_000, '{"x": 1}', '{"": 1}',
    '{"header": {"a": []}}', '{"header": 1e400}', '{"separator": "\\u0000"}', '{"separator": "' + "x" * 50_000 + '"}', '{"encoding": "../x"}',
    '{"encoding": "zlib_codec"}', '{"bad_rows": "<script>"}', '{"__class__": "x"}', '{"a": ' + "9" * 5_000 + "}", "\x00", "\ufeff{}", "{'a': 1}",
    "{" + ",".join(f'"o{n}": {n}' for n in range(3_000)) + "}",
]  # fmt: skip

# Bodies of POST /api/v1/files: (content type, query, body).
FILES = [
    (kind, query, body)
    for kind in (
        "application/octet-stream",
        "",
        "text/html",
        "application/json",
        "application/x-www-form-urlencoded",
        "multipart/form-data",
        "multipart/form-data; boundary=x",
    )
    for query in (
        "",
        "?name=",
        "?name=a&name=b",
        "?name=%00%0a",
        "?name=..%2f..%2fkeys",
        "?name=" + "n" * 2_000,
        "?name=a&x=1",
        "?name=%ff",
    )
    for body in (
        b"",
        b"\0" * 100,
        b"<svg onload='x()'/>",
        b"--x\r\n\r\n--x--",
        b'--x\r\nContent-Disposition: form-data; name="file"\r\n\r\nabc',
    )
]

_PARAMS = [
    "steps",
    "learning_rate",
    "width",
    "layers",
    "batch_size",
    "context",
    "vocabulary",
    "seed",
    "optimizer",
    "dropout",
]
_VALUES: list[Any] = [None, -1, 10**30, 1e-320, "1", "1e3", [], {}, "gpu", 2**63, -0.0, "∞", True]
PARAMS = [_TRAIN | {"params": {name: value}} for name in _PARAMS for value in _VALUES]

_DEEP = json.dumps({"kind": "train"})[:-1] + ', "params": ' + '{"a":' * 3_000 + "1" + "}" * 3_000 + "}"
BODIES = [
    b"", b"{", b"[]", b"null", b"1", b'"x"', b"{}" * 2, b"\xff\xfe{\x00}\x00", b"\xef\xbb\xbf{}", b'{"kind": NaN}', b'{"kind": Infinity}',
    b'{"kind": "train", "kind": "generate"}', b'{"a": ' + b"9" * 5_000 + b"}", b"[" * 100_000, _DEEP.encode(), b'{"kind": "train\\ud800"}',
    b'{"__proto__": {"owner": "root"}}', b'{"owner": "root", "kind": "train"}', b'{"id": "x", "state": "succeeded"}', b"{" + b" " * 199_000,
    b'{"params": {"__class__": "os.system"}}', b"<?xml version='1.0'?><!DOCTYPE a [<!ENTITY x SYSTEM 'file:///etc/passwd'>]><a>&x;</a>",
    b"\x80\x04\x95", b"PK\x03\x04", b'{"name": "' + b"\\u0000" * 100 + b'"}', b"a=b&c=d", b"--x\r\n\r\n--x--", b"\x00" * 1000, b"x" * 250_000,
]  # fmt: skip

HEADERS = [
    {"Content-Type": "text/plain"}, {"Content-Type": "application/json; charset=utf-7"}, {"Content-Type": "application/xml"},
    {"Content-Type": "application/x-python-serialize"}, {"Content-Type": "a" * 5000}, {"Content-Type": "multipart/form-data"},
    {"Content-Type": "multipart/form-data; boundary="}, {"Content-Type": "multipart/form-data; boundary=" + "a" * 5000},
    {"Idempotency-Key": ""}, {"Idempotency-Key": "k" * 300}, {"Idempotency-Key": "../../x"}, {"Idempotency-Key": "a b*c?[d]"},
    {"Prefer": "wait=99999999999999999999"}, {"Prefer": "wait=-1"}, {"Prefer": "wait=1e9"}, {"Prefer": "x" * 2000},
    {"Accept": "*/*;q=9"}, {"Accept": "text/event-stream;q=nan"}, {"Accept": "a/" * 500}, {"If-None-Match": '"' * 500},
    {"If-None-Match": "*"}, {"Last-Event-ID": "0-0; DROP"}, {"Last-Event-ID": "99999999999999999999-1"}, {"Range": "bytes=-1"},
    {"Range": "bytes=0-1,1-2" + ",3-4" * 500}, {"Range": "bytes=9999999999999999-"}, {"X-Forwarded-For": "127.0.0.1"},
    {"X-Forwarded-Host": "evil.example"}, {"X-HTTP-Method-Override": "DELETE"}, {"X-Original-URL": "/keys"}, {"Cookie": "trainyard=" + "a" * 43},
    {"Cookie": "trainyard=../../x; trainyard=y"}, {"Expect": "200-maybe"}, {"Upgrade": "h2c"}, {"Origin": "null"}, {"Referer": "javascript:x"},
    {"Transfer-Encoding": "identity"}, {"Accept-Encoding": "gzip;q=1" * 200}, {"Authorization": "Bearer " + "é" * 50},
]  # fmt: skip

QUERIES = [
    "?limit=0", "?limit=-1", "?limit=501", "?limit=1e3", "?limit=x", "?limit=1&limit=2", "?cursor=../x", "?cursor=" + "z" * 26, "?state=gone",
    "?state[]=queued", "?kind=%00", "?owner=*", "?owner=" + "o" * 300, "?x=1", "?recipe=%ff", "?limit=9999999999999999999999", "?=", "?&&&",
    "?state=queued;kind=train", "?limit=%31%30", "?cursor=0", "?limit=1%0d%0aX:y", "?" + "a=b&" * 2000,
]  # fmt: skip

# (file name, content) of uploads. The many of tests/unit/test_datasets_refused.py come beside these.
UPLOAD_NAMES = [
    "../../evil.txt", "..\\..\\evil.txt", "/etc/cron.d/x.txt", "C:\\x.txt", "a\x00.txt", "CON.txt", ".txt", "a" * 5000 + ".txt", "\u202etxt.exe",
    "<script>.txt", "a\r\nX: y.txt", '";x=".txt', "poem.txt/../../x", "%2e%2e%2fx.txt", "poem.php", "poem.html", "poem.svg", "poem.pkl", "m.keras",
    "w.h5", "model.pt", "a.zip", "a.zip.txt", "", ".", "..", "manifest.json", "DONE", ".tmp-abc.txt",
]  # fmt: skip


def count() -> int:
    """How many hostile inputs there are."""
    lists = (TEXTS, TYPES, INPUTS, PARAMS, OPTIONS, FILES, BODIES, HEADERS, QUERIES, UPLOAD_NAMES)
    return len(PATHS) * len(PLACES) + sum(map(len, lists))

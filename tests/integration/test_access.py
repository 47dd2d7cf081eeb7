"""Who may do what: keys, scopes and owners, over every route the application has."""

import io
import json
import re

import pytest

from shared.api_keys import create_key, read_key, revoke_key
from shared.ids import new_id
from shared.settings import SettingsInvalid, load_settings
from tests.support.callers import TEXT, Caller, train, upload
from web import create_app

UNSAFE = ("POST", "PUT", "PATCH", "DELETE")
OPEN = ("/healthz", "/readyz", "/sign-in", "/static/", "/openapi")


def routes(app, values):
    """(method, path, rule) of every route, its arguments filled in."""
    others = {
        "attempt": 1,
        "step": 1,
        "number": 1,
        "verb": "cancel",
        "name": "x",
        "file": "x",
        "filename": "style.css",
    } | values
    found = []
    with app.test_request_context():
        adapter = app.url_map.bind("localhost")
        for rule in app.url_map.iter_rules():
            chosen = {name: others.get(name, "x") for name in rule.arguments}
            path = adapter.build(rule.endpoint, chosen, append_unknown=False)
            found += [(method, path, rule) for method in sorted(rule.methods - {"HEAD", "OPTIONS"})]
    return found


def test_nobody_without_a_key_gets_further_than_the_door(app, hers):
    nobody = Caller(app)
    looked = 0
    for method, path, rule in routes(app, hers):
        if path.startswith(OPEN):
            continue
        looked += 1
        answer = nobody(method, path)
        if method == "GET" and not path.startswith(("/api/", "/v1/", "/metrics")):
            assert answer.status_code == 302 and answer.location.startswith("/sign-in?next="), rule
        else:
            assert answer.status_code == 401, (method, path, answer.status_code)
            assert answer.headers["WWW-Authenticate"].startswith("Bearer")
    assert looked > 50


def test_what_another_owner_has_is_not_there_on_any_route(app, hers, bob):
    looked = 0
    for method, path, rule in routes(app, hers):
        named = rule.arguments & set(hers)
        if not named:
            continue
        looked += 1
        answer = bob(method, path, json={} if method in UNSAFE and path.startswith("/api/") else None)
        assert answer.status_code == 404, (method, path, answer.status_code)
        kind = "API key" if "key_id" in named else next(iter(named)).removesuffix("_id")
        assert re.search(f"no {kind}", answer.text), (method, path, answer.text[:300])
    assert looked > 25


def test_an_admin_and_the_owner_reach_every_one_of_them(app, hers, ann, admin):
    for method, path, rule in routes(app, hers):
        if method == "GET" and rule.arguments & set(hers) and not rule.arguments & {"name", "file", "number"}:
            for caller in (ann, admin):
                answer = caller(method, path, buffered=True)
                assert not re.search("no (job|dataset|file) '", answer.text) and answer.status_code < 500, path


def test_lists_hold_ones_own_only(ann, bob, admin, hers):
    mine = upload(bob, TEXT + "另一首").json["id"]
    job = train(bob, mine).json["id"]
    assert [j["id"] for j in bob("GET", "/api/v1/jobs").json["jobs"]] == [job]
    assert bob("GET", "/api/v1/jobs?owner=ann").json["jobs"] == []
    assert {j["id"] for j in admin("GET", "/api/v1/jobs").json["jobs"]} == {job, hers["job_id"]}
    assert [j["id"] for j in admin("GET", "/api/v1/jobs?owner=ann").json["jobs"]] == [hers["job_id"]]
    assert [d["id"] for d in bob("GET", "/api/v1/datasets").json["datasets"]] == [mine]
    assert bob("GET", "/api/v1/models").json["models"] == []
    assert {k["owner"] for k in bob("GET", "/api/v1/keys").json["keys"]} == {"bob"}
    for path in (
        "/",
        "/datasets",
        "/models",
        "/jobs/new",
        "/workers",
        "/keys",
        "/jobs/new?kind=train&recipe=char_lstm",
    ):
        page = bob("GET", path)
        assert page.status_code == 200
        assert not any(value in page.text for value in hers.values()), path


@pytest.mark.parametrize(
    "body",
    [
        {"kind": "train", "inputs": {"data": "dataset_id"}},
        {"kind": "train", "inputs": {"data": {"dataset_id": "dataset_id"}}},
        {"kind": "generate", "inputs": {"model": "model_id"}, "params": {"prompt": "月"}},
        {"kind": "generate", "inputs": {"model": {"job_id": "job_id"}}, "params": {"prompt": "月"}},
        {"kind": "train", "inputs": {"data": "own", "start_from": {"job_id": "job_id"}}},
        {"kind": "train", "inputs": {"data": "own", "start_from": "model_id"}},
        {"kind": "train", "inputs": {"data": "own"}, "after": ["job_id"]},
        {"kind": "generate", "inputs": {"model": "job_id"}, "after": ["job_id"], "params": {"prompt": "月"}},
    ],
)
def test_a_submission_cannot_name_what_another_owner_has(bob, hers, body):
    known = hers | {"own": upload(bob).json["id"]}
    text = json.dumps(body | ({"recipe": "char_lstm"} if body["kind"] == "train" else {}))
    for name, value in known.items():
        text = text.replace(f': "{name}"', f': "{value}"').replace(f'["{name}"]', f'["{value}"]')
    answer = bob("POST", "/api/v1/jobs", json=json.loads(text))
    assert answer.status_code == 422, answer.text
    assert re.search("no (job|dataset|model) '", answer.text)
    assert bob("GET", "/api/v1/jobs").json["jobs"] == []


def test_the_same_upload_of_two_owners_is_two_datasets_and_each_deletes_its_own(ann, bob, hers):
    his = upload(bob)
    assert his.status_code == 201 and his.json["id"] != hers["dataset_id"]
    assert bob("DELETE", f"/api/v1/datasets/{his.json['id']}").status_code == 204
    assert ann("GET", f"/api/v1/datasets/{hers['dataset_id']}").status_code == 200


def test_a_reading_key_changes_nothing(app, keys, hers):
    reader = Caller(app, keys["reader"])
    assert reader("GET", f"/api/v1/jobs/{hers['job_id']}").status_code == 200
    for method, path, _rule in routes(app, hers):
        if method in UNSAFE and not path.startswith(("/sign-in", "/sign-out")):
            answer = reader(method, path)
            assert answer.status_code == 403 and "scope" in answer.text, (method, path, answer.status_code)


def test_only_an_admin_makes_keys_and_sees_the_text_once(ann, admin, app, volume):
    body = {"owner": "carl", "scope": "submit", "name": "carl's laptop", "expires_in_days": 2}
    assert ann("POST", "/api/v1/keys", json=body).status_code == 403
    assert ann("POST", "/keys", data={"owner": "carl", "scope": "admin"}).status_code == 403
    made = admin("POST", "/api/v1/keys", json=body)
    assert made.status_code == 201
    text = made.json["key"]
    assert Caller(app, text)("GET", "/api/v1/jobs").status_code == 200
    secret = text.split("_", 2)[2]
    assert secret not in admin("GET", "/api/v1/keys").text + admin("GET", "/keys").text
    assert not any(secret in path.read_text() for path in volume.root.rglob("*.json"))
    assert all(path.stat().st_mode & 0o077 == 0 for path in (volume.root / "keys").iterdir())
    wrong = admin("POST", "/api/v1/keys", json={"owner": "a b", "scope": "root", "expires_in_days": -1})
    assert {p["field"] for p in wrong.json["problems"]} == {"owner", "scope", "expires_in_days"}
    page = admin("POST", "/keys", data={"owner": "dora", "scope": "read", "name": "", "days": ""})
    assert re.search(r"ty_[0-9a-z]{26}_[A-Za-z0-9_-]{43}", page.text)


def test_a_revoked_key_is_refused_from_the_next_request_on(app, keys, ann, admin, volume):
    browser = app.test_client()
    assert browser.post("/sign-in", data={"key": keys["ann"]}).status_code == 302
    assert browser.get("/").status_code == 200 and ann("GET", "/api/v1/jobs").status_code == 200
    key_id = keys["ann"].split("_")[1]
    assert admin("DELETE", f"/api/v1/keys/{key_id}").json["revoked_at"]
    assert ann("GET", "/api/v1/jobs").status_code == 401
    assert browser.get("/").status_code == 302


def test_an_open_stream_ends_when_its_key_is_revoked(app, keys, ann, hers, volume):
    stream = ann("GET", f"/api/v1/jobs/{hers['job_id']}/events", headers={"Accept": "text/event-stream"})
    pieces = iter(stream.response)
    assert next(pieces).startswith((b"retry", "retry"))
    revoke_key(volume, keys["ann"].split("_")[1])
    rest = "".join(
        p if isinstance(p, str) else p.decode() for p in pieces
    )  # ends, or the test runs into its time limit
    assert "submitted" in rest
    stream.close()


def test_expired_and_damaged_keys_open_nothing(app, keys, volume, ann):
    file = volume.root / "keys" / f"{keys['ann'].split('_')[1]}.json"
    content = json.loads(file.read_text())
    file.write_text(json.dumps(content | {"expires_at": "2020-01-01T00:00:00Z"}))
    assert ann("GET", "/api/v1/jobs").status_code == 401
    for damaged in ("", "[]", "{}", json.dumps(content | {"scope": "god"}), "\0"):
        file.write_text(damaged)
        assert ann("GET", "/api/v1/jobs").status_code == 401


def wrong_keys(key):
    """Texts near a real key: none may be taken for one."""
    _, key_id, secret = key.split("_", 2)
    yield from ("", "ty_", "x", "ty__", f"ty_{key_id}_", f"ty_{key_id}_{secret[:-1]}", f"ty_{new_id()}_{secret}")
    yield from (f"ty_{key_id}_{secret}=", f"ty_../keys/{key_id}_{secret}", f"TY_{key_id}_{secret}", f"{key} {key}")
    yield from (
        f"ty_{key_id}_{secret[::-1]}",
        f"ty_{key_id.upper()}_{secret}",
        f"{key}\x00",
        "0" * 5000,
        f"ty_{key_id}_" + "A" * 43,
    )


def test_no_text_near_a_key_is_taken_for_it(app, keys):
    for text in wrong_keys(keys["ann"]):
        answer = Caller(app)("GET", "/api/v1/jobs", headers={"Authorization": f"Bearer {text}".strip()})
        assert answer.status_code == 401, text
    for header in (f"Basic {keys['ann']}", keys["ann"], "Bearer"):
        assert Caller(app)("GET", "/api/v1/jobs", headers={"Authorization": header}).status_code == 401


def test_who_keeps_trying_keys_is_told_to_wait(app):
    nobody = Caller(app)
    answers = [nobody("POST", "/sign-in", data={"key": f"ty_{n}"}).status_code for n in range(32)]
    assert answers[:30] == [401] * 30 and answers[-1] == 429
    answer = nobody("GET", "/api/v1/jobs", headers={"Authorization": "Bearer ty_wrong"})
    assert answer.status_code == 429 and int(answer.headers["Retry-After"]) >= 1


def test_an_owner_beyond_the_limit_is_told_when_to_come_back_and_others_are_not(settings, keys):
    app = create_app(settings.model_copy(update={"login": True, "changes_per_minute": 3, "reads_per_minute": 5}))
    ann, bob = Caller(app, keys["ann"]), Caller(app, keys["bob"])
    assert [ann("POST", "/api/v1/jobs", json={}).status_code for _ in range(4)] == [422, 422, 422, 429]
    assert [ann("GET", "/api/v1/jobs").status_code for _ in range(6)] == [200] * 5 + [429]
    answer = ann("GET", "/api/v1/jobs")
    assert 1 <= int(answer.headers["Retry-After"]) <= 120 and answer.json["code"] == "rate_limited"
    assert bob("GET", "/api/v1/jobs").status_code == 200


def test_without_a_login_only_this_machines_names_are_answered(settings):
    app = create_app(settings)
    client = app.test_client()
    for host in ("localhost", "127.0.0.1:8000", "[::1]:8000", "LOCALHOST:1"):
        assert client.get("/api/v1/jobs", headers={"Host": host}).status_code == 200, host
    for host in ("evil.example", "127.0.0.1.evil.example", "192.168.0.7", ""):
        assert client.get("/api/v1/jobs", headers={"Host": host}).status_code in (400, 421), host
    named = create_app(settings.model_copy(update={"hosts": ("models.example",)}))
    assert named.test_client().get("/api/v1/jobs", headers={"Host": "models.example:443"}).status_code == 200


@pytest.mark.parametrize("host", ["0.0.0.0", "", "::", "192.168.1.4", "models.example"])
def test_no_other_address_is_listened_on_without_a_login(host):
    with pytest.raises(SettingsInvalid, match="TRAINYARD_LOGIN"):
        load_settings(host=host).refuse_open_door()
    load_settings(host=host, login=True).refuse_open_door()


@pytest.mark.parametrize("host", ["127.0.0.1", "localhost", "::1", "127.8.8.8"])
def test_this_machine_needs_no_login(host):
    load_settings(host=host).refuse_open_door()


def test_an_owner_keeps_no_more_bytes_than_allowed(settings, keys):
    limit = len(TEXT.encode()) + 10_000
    app = create_app(settings.model_copy(update={"login": True, "max_dataset_bytes_per_owner": limit}))
    ann, bob = Caller(app, keys["ann"]), Caller(app, keys["bob"])
    first = upload(ann)
    refused = upload(ann, TEXT + "多")
    assert refused.status_code == 413 and f"{limit:,}" in refused.json["detail"]
    assert upload(ann).status_code == 200, "what is there already costs nothing"
    for path in (
        "/api/v1/datasets/examples/python_docs",
        "/datasets/examples/python_docs",
        "/jobs/examples/python_docs",
    ):
        example = ann("POST", path)
        assert example.status_code == 413 and f"{limit:,}" in example.get_data(as_text=True), path
    assert upload(bob).status_code == 201
    ann("DELETE", f"/api/v1/datasets/{first.json['id']}")
    assert upload(ann, TEXT + "多").status_code == 201


def test_only_what_takes_files_takes_more_than_any_other_request(settings, keys):
    app = create_app(settings.model_copy(update={"login": True, "max_body_bytes": 10_000}))
    ann = Caller(app, keys["ann"])
    refused = 0
    for method, path, rule in routes(app, {"key_id": new_id(), "job_id": new_id()}):
        if method != "POST" or path.startswith("/api/") or rule.endpoint == "pages.sign_in":
            continue
        answer = ann(method, path, data={"x": (io.BytesIO(b"x" * 20_000), "x.bin")})
        refused += answer.status_code == 413
        takes_files = rule.endpoint in ("pages.upload_dataset", "pages.upload_base", "pages.submit_job")
        wanted = (413, 404, 302)  # these: what is not there is said before, and not every route looks at its body
        assert (answer.status_code in wanted) is not takes_files, (path, answer.status_code)
    assert refused >= 2


def test_an_open_stream_ends_when_its_browser_signs_out(app, keys, hers):
    browser = app.test_client()
    browser.post("/sign-in", data={"key": keys["ann"]})
    stream = browser.get(f"/api/v1/jobs/{hers['job_id']}/events", headers={"Accept": "text/event-stream"})
    pieces = iter(stream.response)
    assert next(pieces).startswith((b"retry", "retry"))
    assert browser.post("/sign-out", headers={"Origin": "http://localhost"}).status_code == 302
    assert "submitted" in "".join(p if isinstance(p, str) else p.decode() for p in pieces)
    stream.close()


def test_a_key_revokes_no_key_that_reaches_further(app, ann, volume):
    hers, _ = create_key(volume, owner="ann", scope="admin")
    for path, method in ((f"/api/v1/keys/{hers.id}", "DELETE"), (f"/keys/{hers.id}/revoke", "POST")):
        refused = ann(method, path)
        assert refused.status_code == 403 and "admin" in refused.text
    kept = read_key(volume, hers.id)
    assert kept and kept.state() == "usable"
    other, _ = create_key(volume, owner="ann", scope="read")
    assert ann("DELETE", f"/api/v1/keys/{other.id}").status_code == 200

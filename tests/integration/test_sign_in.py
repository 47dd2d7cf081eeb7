"""Browsers that sign in: sessions, cookies, other sites' pages, where they are sent afterwards."""

import io
from urllib.parse import quote

import pytest

from web import create_app


def test_a_browser_signs_in_works_and_signs_out(app, keys, hers):
    browser = app.test_client()
    sent = browser.get("/jobs/" + hers["job_id"])
    assert sent.location == f"/sign-in?next=/jobs/{hers['job_id']}"
    done = browser.post("/sign-in", data={"key": f" {keys['ann']} ", "next": f"/jobs/{hers['job_id']}"})
    assert done.location == f"/jobs/{hers['job_id']}"
    cookie = done.headers["Set-Cookie"]
    assert "HttpOnly" in cookie and "SameSite=Lax" in cookie and keys["ann"] not in cookie
    page = browser.get(done.location)
    assert page.status_code == 200 and "ann" in page.text and "Sign out" in page.text
    origin = {"Origin": "http://localhost"}
    assert browser.post(f"/jobs/{hers['job_id']}/cancel", headers=origin).status_code == 302
    assert browser.post("/sign-out", headers=origin).status_code == 302
    assert browser.get("/").status_code == 302
    browser.set_cookie("trainyard", cookie.split("=", 1)[1].split(";")[0])
    assert browser.get("/").status_code == 302, "the session itself is gone, not only the browser's cookie"


def test_over_https_the_cookie_is_bound_to_the_host(app, keys):
    done = app.test_client().post("/sign-in", data={"key": keys["ann"]}, base_url="https://localhost")
    cookie = done.headers["Set-Cookie"]
    assert cookie.startswith("__Host-trainyard=") and "Secure" in cookie and "Domain" not in cookie


@pytest.mark.parametrize(
    "headers",
    [
        {},
        {"Origin": "https://evil.example"},
        {"Origin": "null"},
        {"Sec-Fetch-Site": "cross-site"},
        {"Sec-Fetch-Site": "same-site", "Origin": "http://localhost"},
        {"Origin": "http://localhost.evil.example"},
        {"Origin": "http://localhost:81"},
    ],
)
def test_another_sites_page_cannot_borrow_a_signed_in_browser(app, keys, hers, headers):
    browser = app.test_client()
    browser.post("/sign-in", data={"key": keys["ann"]})
    for path in (f"/jobs/{hers['job_id']}/cancel", f"/api/v1/jobs/{hers['job_id']}/cancel", "/sign-out", "/keys"):
        assert browser.post(path, headers=headers).status_code == 403, path
    assert browser.get(f"/api/v1/jobs/{hers['job_id']}").json["state"] == "queued"


TARGETS = [
    "https://evil.example/",
    "//evil.example",
    "/\\evil.example",
    "\\\\evil.example",
    "javascript:alert(1)",
    "/\t/evil.example",
]
TARGETS += [
    "http:evil.example",
    "///evil.example",
    "/\r\nSet-Cookie: a=b",
    " //evil.example",
    "/ok\\..\\evil",
    "evil.example",
]


@pytest.mark.parametrize("target", TARGETS)
def test_nobody_is_sent_to_another_site_after_signing_in(app, keys, target):
    done = app.test_client().post("/sign-in", data={"key": keys["ann"], "next": target})
    assert done.status_code == 302 and done.location in ("/", "/jobs"), done.location
    page = app.test_client().get("/sign-in?next=" + quote(target))
    assert page.status_code == 200 and "<script>" not in page.text


def test_behind_a_proxy_the_address_and_scheme_are_its_word_only_when_it_is_known(settings, keys):
    headers = {"X-Forwarded-Proto": "https", "X-Forwarded-Host": "models.example"}
    known = create_app(settings.model_copy(update={"login": True, "proxies": 1}))
    unknown = create_app(settings.model_copy(update={"login": True}))
    data = {"key": keys["ann"]}
    assert "Secure" in known.test_client().post("/sign-in", data=data, headers=headers).headers["Set-Cookie"]
    assert "Secure" not in unknown.test_client().post("/sign-in", data=data, headers=headers).headers["Set-Cookie"]


def test_who_has_no_key_cannot_send_files_nor_more_than_a_key(app, volume, keys):
    nobody = app.test_client()
    files = {"key": keys["ann"], "x": (io.BytesIO(b"x" * 100_000), "x.bin")}
    refused = nobody.post("/sign-in", data=files)
    assert refused.status_code == 415 and "x-www-form-urlencoded" in refused.text
    refused = nobody.post("/sign-in", data={"key": keys["ann"], "next": "/" + "x" * 20_000})
    assert refused.status_code == 413
    assert not list((volume.root / "datasets").iterdir())


@pytest.mark.parametrize("target", ["//[x", "http://[x", "/[", "[", "//[::1"])
def test_where_to_go_on_that_is_no_url_leads_to_the_jobs(app, keys, target):
    done = app.test_client().post("/sign-in", data={"key": keys["ann"], "next": target})
    assert done.status_code == 302 and done.location in ("/", "/jobs", "/%5B")


@pytest.mark.parametrize("origin", ["http://[", "//[x", "http://[::1"])
def test_an_origin_that_is_no_url_is_another_site(app, keys, settings, origin):
    for client in (app.test_client(), create_app(settings).test_client()):
        refused = client.post("/sign-in", data={"key": keys["ann"]}, headers={"Origin": origin, "Referer": origin})
        assert refused.status_code == 403, refused.text


def test_without_a_login_a_forwarded_name_is_not_believed(settings):
    client = create_app(settings.model_copy(update={"proxies": 1})).test_client()
    headers = {"Host": "evil.example", "X-Forwarded-Host": "localhost"}
    assert client.get("/api/v1/jobs", headers=headers).status_code == 421


def test_signing_in_counts_as_a_change_of_the_owner(settings, keys):
    app = create_app(settings.model_copy(update={"login": True, "changes_per_minute": 3}))
    answers = [app.test_client().post("/sign-in", data={"key": keys["ann"]}).status_code for _ in range(4)]
    assert answers == [302, 302, 302, 429]
    assert app.test_client().post("/sign-in", data={"key": keys["bob"]}).status_code == 302


def session_key(store):
    (key,) = store.redis.scan_iter(f"{store.keys.prefix}:session:*")
    return key


def test_a_session_in_use_goes_on_in_redis_and_in_the_browser(app, keys, store, settings):
    browser = app.test_client()
    browser.post("/sign-in", data={"key": keys["ann"]})
    assert "Set-Cookie" not in browser.get("/").headers
    store.redis.expire(session_key(store), settings.session_ttl_s // 3)
    with browser.get("/static/style.css") as file:
        assert "Set-Cookie" not in file.headers, "caches may keep it"
    renewed = browser.get("/").headers["Set-Cookie"]
    assert f"Max-Age={settings.session_ttl_s}" in renewed and "HttpOnly" in renewed
    assert store.redis.ttl(session_key(store)) > settings.session_ttl_s // 2


def test_a_session_ends_however_much_it_is_used(app, keys, store, settings):
    browser = app.test_client()
    browser.post("/sign-in", data={"key": keys["ann"]})
    name = session_key(store)
    key_id, ends_at = store.redis.get(name).split()
    ends_at = int(ends_at) - 3 * settings.session_ttl_s - settings.session_ttl_s // 2  # as if it had been used since
    store.redis.set(name, f"{key_id} {ends_at}", ex=settings.session_ttl_s // 4)
    assert browser.get("/").status_code == 200
    assert store.redis.ttl(name) <= settings.session_ttl_s // 2, "not beyond its end"
    store.redis.set(name, f"{key_id} 1000000000", ex=60)
    assert browser.get("/").status_code == 302

"""Settings that cannot be used are refused without showing what is secret in them."""

import traceback

import pytest

from shared.settings import SettingsInvalid, load_settings


@pytest.mark.parametrize("name", ["redis_url", "broker_url"])
@pytest.mark.parametrize("password", ["hun/ter2", "hun#ter2", "hun?ter2", "12/34", "12#34", "12?34"])
def test_a_password_that_breaks_its_url_is_not_shown(name, password):
    with pytest.raises(SettingsInvalid, match=f"TRAINYARD_{name.upper()}.*%2F") as caught:
        load_settings(**{name: f"redis://:{password}@redis.example:6379/0"})
    shown = "".join(traceback.format_exception(caught.value))
    assert "hun" not in shown and "12" not in str(caught.value) and password not in shown


@pytest.mark.parametrize(
    "url",
    [
        "redis://127.0.0.1:6379/0",
        "rediss://ann:hun%2Fter@redis.example/3?socket_timeout=5",
        "redis://:p%40ss@[::1]:6379",
        "unix:///run/redis.sock?db=1",
    ],
)
def test_a_url_of_a_redis_is_taken_as_it_is(url):
    assert load_settings(redis_url=url).redis_url == url


@pytest.mark.parametrize("url", ["", "127.0.0.1:6379", "http://127.0.0.1", "redis://host:port/0"])
def test_what_is_no_url_of_a_redis_is_refused(url):
    with pytest.raises(SettingsInvalid, match="TRAINYARD_REDIS_URL"):
        load_settings(redis_url=url)


@pytest.mark.parametrize(
    ("url", "words"),
    [
        ("unix://", "path of a socket"),
        ("redis://127.0.0.1/records", "number of a database"),
        ("redis://127.0.0.1?db=-1", "from 0"),
        ("redis://127.0.0.1/0?protocol=3&colour=red", "colour, protocol: no option"),
        ("redis://127.0.0.1/0?ssl_ca_certs=a.pem", "belong to rediss://"),
        ("rediss://127.0.0.1/0?ssl_cert_reqs=maybe", "required, optional, none"),
        ("unix:///run/redis.sock?socket_keepalive=true", "a socket of this machine has none"),
    ],
)
def test_a_url_that_cannot_mean_what_it_says_is_refused_with_what_would_be_right(url, words):
    for name in ("redis_url", "broker_url"):
        with pytest.raises(SettingsInvalid) as caught:
            load_settings(**{name: url})
        assert words in caught.value.message


def test_behind_a_proxy_a_login_is_needed():
    with pytest.raises(SettingsInvalid, match=r"TRAINYARD_PROXIES.*TRAINYARD_LOGIN"):
        load_settings(proxies=1).refuse_open_door()
    load_settings(proxies=1, login=True).refuse_open_door()

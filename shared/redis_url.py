"""What a Redis URL says, for the three libraries that open one: redis-py (records), kombu (wake-ups), limits (rates).

redis-py's reading is the only one: kombu's own takes `unix://` for a host, overlooks `?db=` and, of `rediss://`, the certificate.
Imports neither Celery nor kombu.
"""

import contextlib
import ssl
from collections.abc import Iterator
from typing import Any
from urllib.parse import parse_qs, quote, urlencode, urlsplit

import redis
from redis.backoff import NoBackoff
from redis.connection import parse_url
from redis.exceptions import NoPermissionError
from redis.retry import Retry

from shared.errors import TrainyardError

# Options after the `?` that mean the same to all three. Others would change what replies look like, or end in a TypeError.
_BOTH = (
    "socket_timeout", "socket_connect_timeout", "socket_keepalive", "retry_on_timeout", "health_check_interval", "client_name",
)  # fmt: skip
_TLS = ("ssl_cert_reqs", "ssl_ca_certs", "ssl_certfile", "ssl_keyfile", "ssl_check_hostname")
OPTIONS = ("db", *_BOTH, *_TLS)
_CERTIFICATES = ("required", "optional", "none")

_NO_URL = (
    "is no URL of a Redis; right are redis://:PASSWORD@HOST:PORT/DATABASE, rediss://... and unix://PATH?db=DATABASE, "
    "a password's / # ? @ : % written as %2F %23 %3F %40 %3A %25"
)


class RedisRefuses(TrainyardError):
    """A Redis answers and will not have us, or is not the one that was meant: waiting mends nothing."""

    code = "redis_refuses"


def check(url: str) -> None:
    """Raise ValueError with what is wrong. Never says what is there: it may hold a password, and a piece of one where a URL
    would have its port."""
    try:
        found = parse_url(url)
        parts = urlsplit(url)
    except ValueError as err:
        raise ValueError(_NO_URL) from err
    if parts.fragment or "@" in parts.query or (parts.scheme != "unix" and "@" in parts.path):
        raise ValueError(_NO_URL)
    if parts.scheme == "unix":
        if not found.get("path"):
            raise ValueError("unix:// needs the path of a socket: unix:///run/redis/redis.sock?db=0")
    elif parts.path.strip("/") and not parts.path.strip("/").isdigit():
        raise ValueError("what follows the port is the number of a database: redis://HOST:6379/0")
    given = parse_qs(parts.query, keep_blank_values=True)
    unknown = sorted(set(given) - set(OPTIONS))
    if unknown:
        raise ValueError(f"{', '.join(unknown):.80}: no option of a Redis URL here; known are {', '.join(OPTIONS)}")
    if parts.scheme == "unix" and "socket_keepalive" in given:
        raise ValueError("socket_keepalive belongs to redis:// and rediss://: a socket of this machine has none")
    if found.get("db", 0) < 0:
        raise ValueError("a database has a number from 0")
    if any(name in given for name in _TLS) and parts.scheme != "rediss":
        raise ValueError("ssl_... options belong to rediss://; this URL would talk without encryption")
    if found.get("ssl_cert_reqs", "required") not in _CERTIFICATES:
        raise ValueError(f"ssl_cert_reqs is one of {', '.join(_CERTIFICATES)}")


def client(url: str, **options: Any) -> redis.Redis:
    """A client of redis-py with a pool of its own; talks to nobody yet. options: what the URL does not say itself."""
    if url.startswith("unix://"):
        options.pop("socket_keepalive", None)  # a socket has no such thing, and redis-py would raise TypeError
    return redis.Redis.from_url(url, **options)


def without_password(url: str) -> str:
    """A URL fit to be shown."""
    head, sign, tail = url.rpartition("@")
    return f"{head.split('//')[0]}//…@{tail}" if sign else url


def for_celery(url: str) -> dict[str, Any]:
    """broker_url, broker_use_ssl and broker_transport_options that make kombu open what redis-py opens by this URL."""
    found = parse_url(url)
    user, password, database = found.get("username", ""), found.get("password", ""), found.get("db", 0)
    who = f"{quote(user, safe='')}:{quote(password, safe='')}@" if user or password else ""
    options = {name: found[name] for name in _BOTH if name in found}
    if "path" in found:
        place = f"{quote(found['path'])}?{urlencode({'virtual_host': database})}"
        return {
            "broker_url": f"redis+socket://{who}{place}",
            "broker_use_ssl": None,
            "broker_transport_options": options,
        }
    host = found.get("host", "localhost")
    place = f"[{host}]" if ":" in host else quote(host)
    tls = None
    if found.get("connection_class") is redis.SSLConnection:  # said in full: kombu without it does not encrypt
        tls = {"ssl_cert_reqs": "required", "ssl_check_hostname": True} | {n: found[n] for n in _TLS if n in found}
    return {
        "broker_url": f"redis://{who}{place}:{found.get('port', 6379)}/{database}",
        "broker_use_ssl": tls,
        "broker_transport_options": options,
    }


def refusal(err: BaseException) -> str:
    """Why a Redis that can be reached will not have us, in a sentence; "" for what waiting may mend (it is away, or loading)."""
    seen: BaseException | None = err
    while seen is not None:
        text = str(seen)
        if isinstance(seen, redis.AuthenticationError) or text.startswith(("NOAUTH", "WRONGPASS")):
            return f"it refuses the user or the password ({text}): put the right ones into the URL, redis://USER:PASSWORD@HOST"
        if isinstance(seen, NoPermissionError) or text.startswith("ACL failure"):
            return f"its user may not do what is needed ({text}): allow it every command on the keys of TRAINYARD_KEY_PREFIX"
        if isinstance(seen, ssl.SSLCertVerificationError):
            return (
                f"its certificate cannot be verified ({seen.verify_message}): name the authority that signed it by "
                "?ssl_ca_certs=FILE, and the host as the certificate does"
            )
        if isinstance(seen, ssl.SSLError) or (isinstance(seen, TimeoutError) and "handshake" in text):
            return f"no encrypted connection comes about ({text}): is it redis:// that listens there?"
        if isinstance(seen, redis.ResponseError) and "DB index is out of range" in text:
            return "it has no database of that number: name a lower one, or set its `databases` higher"
        seen = seen.__cause__ or seen.__context__
    return ""


@contextlib.contextmanager
def telling_refusals(setting: str) -> Iterator[None]:
    """Raise RedisRefuses where the Redis of a setting will not have us; what waiting may mend stays a redis.RedisError."""
    try:
        yield
    except redis.RedisError as err:
        if why := refusal(err):
            raise RedisRefuses(f"the Redis of TRAINYARD_{setting.upper()} does not take us: {why}") from err
        raise


def knock(url: str, setting: str) -> None:
    """Open a connection and close it. Raises RedisRefuses, redis.RedisError."""
    opened = client(url, socket_timeout=5, socket_connect_timeout=3, retry=Retry(NoBackoff(), 0))
    with contextlib.closing(opened), telling_refusals(setting):
        opened.ping()

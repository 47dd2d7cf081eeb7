"""Which part of the service an address belongs to, told from its path alone: how its errors look, and what it reads."""

OPENAI = "/v1"  # what speaks as OpenAI's API does: web/openai_api
_FOR_PROGRAMS = ("/api/", f"{OPENAI}/", "/openapi", "/healthz", "/readyz", "/metrics")


def is_page(path: str) -> bool:
    """Whether people look at it."""
    return not f"{path}/".startswith(_FOR_PROGRAMS)


def takes_json(path: str) -> bool:
    """Whether bodies sent there are JSON, uploads excepted."""
    return path.startswith(("/api/", f"{OPENAI}/"))


def speaks_openai(path: str) -> bool:
    """Whether its errors have OpenAI's form."""
    return f"{path}/".startswith(f"{OPENAI}/")

"""Who is asking. Without a login there is one owner; keys and sessions will be looked up here and nowhere else."""

LOCAL_OWNER = "local"


def current_owner() -> str:
    """The owner of what the current request submits or uploads."""
    return LOCAL_OWNER

"""trainyard keys: make, list and revoke API keys, on the volume itself: whoever can write it needs no key."""

import argparse
import json
import sys
from datetime import UTC, datetime, timedelta

from cli.figures import amount
from cli.paths import folder
from cli.screen import ago, columns, table
from shared.api_keys import SCOPES, create_key, list_keys, revoke_key
from shared.errors import ClientError
from shared.settings import load_settings
from shared.volume.volume import Volume


def add_parser(commands: "argparse._SubParsersAction[argparse.ArgumentParser]") -> None:
    parser = commands.add_parser("keys", help="API keys: make, list, revoke (on the machine that has the volume)")
    verbs = parser.add_subparsers(metavar="VERB", required=True)
    create = verbs.add_parser("create", help="make a key; its text is printed once and nowhere kept")
    create.add_argument("--owner", required=True, help="whose jobs, datasets and models it reaches")
    create.add_argument("--scope", choices=SCOPES, default="submit", help="read: look; submit: change; admin: all")
    create.add_argument("--name", default="", help="what it is for")
    create.add_argument("--days", type=amount, metavar="N", help="expires after so many days (default: never)")
    create.set_defaults(run=_create)
    listing = verbs.add_parser("list", help="all keys, newest first")
    listing.add_argument("--json", action="store_true", help="print them as JSON")
    listing.set_defaults(run=_list)
    revoke = verbs.add_parser("revoke", help="refuse a key from now on")
    revoke.add_argument("key", help="its id, or the whole key")
    revoke.set_defaults(run=_revoke)
    for verb in (create, listing, revoke):
        verb.add_argument("--data", type=folder, metavar="DIR", help="the volume (default: TRAINYARD_DATA)")


def _volume(options: argparse.Namespace) -> Volume:
    return Volume(options.data or load_settings().data)


def _create(options: argparse.Namespace) -> int:
    volume = _volume(options)
    volume.ensure()
    expires_at = None
    if options.days is not None:
        try:
            expires_at = datetime.now(UTC) + timedelta(days=options.days)
        except (OverflowError, ValueError) as err:
            raise ClientError(f"--days {options.days:g} leads out of the calendar") from err
    key, text = create_key(volume, owner=options.owner, scope=options.scope, name=options.name, expires_at=expires_at)
    print(f"key {key.id} of {key.owner}, scope {key.scope}; keep it now, it is not shown again:", file=sys.stderr)
    print(text)
    return 0


def _list(options: argparse.Namespace) -> int:
    keys = list_keys(_volume(options))
    if options.json:
        print(json.dumps([key.model_dump(mode="json") for key in keys], ensure_ascii=False, indent=2))
        return 0
    now = datetime.now(UTC)
    rows = [
        [key.id, key.owner, key.scope, key.state(now), ago(key.created_at.isoformat(), now), key.name] for key in keys
    ]
    print(table(("ID", "OWNER", "SCOPE", "STATE", "MADE", "NAME"), rows, columns(sys.stdout)) or "no keys")
    return 0


def _revoke(options: argparse.Namespace) -> int:
    text = options.key.strip()
    key = revoke_key(_volume(options), text.split("_")[1] if text.startswith("ty_") else text)
    print(f"key {key.id} of {key.owner} is revoked")
    return 0

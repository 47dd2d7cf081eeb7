"""trainyard reindex: put the records of jobs back from the volume after Redis has lost them."""

import argparse
import sys

from cli.installation import add_options, open_store, settings_of
from cli.screen import plain
from shared.reindex import Report, reindex
from shared.store import JobStore
from shared.volume import Volume


def add_parser(commands: "argparse._SubParsersAction[argparse.ArgumentParser]") -> None:
    parser = commands.add_parser("reindex", help="after a loss of Redis: put the records of jobs back from the volume")
    add_options(parser)
    parser.add_argument("--hold", action="store_true", help="what had not ended comes back paused, not queued")
    parser.add_argument("--dry-run", action="store_true", help="only say what would be recovered")
    parser.set_defaults(run=run)


def run(options: argparse.Namespace) -> int:
    """Returns 0, or 1 when a job could not be recovered."""
    settings = settings_of(options)
    with open_store(settings) as store:
        return recover(store, Volume(settings.data), hold=options.hold, dry_run=options.dry_run)


def recover(store: JobStore, volume: Volume, *, hold: bool, dry_run: bool = False) -> int:
    """Reindex and print what came of it."""
    report = reindex(store, volume, hold=hold, dry_run=dry_run, tell=_tell)
    show(report, dry_run)
    return 1 if report.lost else 0


def _tell(done: int, total: int) -> None:
    if sys.stderr.isatty():
        print(f"\r{done:,} of {total:,} jobs", end="" if done < total else "\n", file=sys.stderr, flush=True)


def show(report: Report, dry_run: bool) -> None:
    """Print a report: what needs a person's attention first, the counts last."""
    for job_id, sentence in report.said:
        print(f"job {job_id}: {plain(sentence)}")
    for damage in report.damaged:
        print(f"damaged: {plain(damage.path)} {plain(damage.what)}")
    for job_id, why in report.lost:
        print(f"not recovered: job {job_id}: {plain(why)}")
    count = sum(report.recovered.values())
    states = ", ".join(f"{number} {state}" for state, number in sorted(report.recovered.items()))
    would = "would be " if dry_run else ""
    print(
        f"{count} job{'' if count == 1 else 's'} {would}recovered{f' ({states})' if states else ''}, "
        f"{report.known} known already, {report.old} ended longer ago than records are kept, "
        f"{len(report.lost)} could not be recovered"
    )

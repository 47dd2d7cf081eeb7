"""trainyard reindex: put the records of jobs back from the volume after Redis has lost them."""

import argparse
import sys

from cli.installation import add_options, open_store, refuse_unnamed, settings_of
from cli.screen import plain
from shared.jobs.store import JobStore
from shared.volume.reindex import Report, reindex
from shared.volume.volume import Volume

_MOST_LINES = 200  # of one sort; each job's page says it as well


def add_parser(commands: "argparse._SubParsersAction[argparse.ArgumentParser]") -> None:
    parser = commands.add_parser("reindex", help="after a loss of Redis: put the records of jobs back from the volume")
    add_options(parser)
    parser.add_argument("--hold", action="store_true", help="what had not ended comes back paused, not queued")
    parser.add_argument("--dry-run", action="store_true", help="only say what would be recovered")
    parser.set_defaults(run=run)


def run(options: argparse.Namespace) -> int:
    """Returns 0, or 1 when a job could not be recovered."""
    settings = settings_of(options)
    refuse_unnamed(settings)
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


def _print_some(lines: list[str]) -> None:
    for line in lines[:_MOST_LINES]:
        print(plain(line))
    if len(lines) > _MOST_LINES:
        print(f"... and {len(lines) - _MOST_LINES:,} more like these")


def show(report: Report, dry_run: bool) -> None:
    """Print a report: what needs a person's attention first, the counts last."""
    _print_some([f"job {job_id}: {sentence}" for job_id, sentence in report.said])
    _print_some([f"damaged: {damage.path} {damage.what}" for damage in report.damaged])
    _print_some([f"not recovered: job {job_id}: {why}" for job_id, why in report.lost])
    count = sum(report.recovered.values())
    states = ", ".join(f"{number} {state}" for state, number in sorted(report.recovered.items()))
    would = "would be " if dry_run else ""
    print(
        f"{count} job{'' if count == 1 else 's'} {would}recovered{f' ({states})' if states else ''}, "
        f"{report.known} known already, {report.old} ended longer ago than records are kept, "
        f"{len(report.lost)} could not be recovered"
    )

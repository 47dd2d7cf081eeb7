"""trainyard: the command line. Each group of commands is one file; this one finds the server and tells errors.

Exit codes: 0 done, 1 it failed (a job that failed, a check that found something), 2 used wrongly or refused by the
server, 3 no server reachable, 130 stopped by Ctrl-C.
"""

import argparse
import importlib
import os
import sys

import redis

from cli.client import ApiError, Unreachable
from cli.screen import colour, plain, survive
from shared.errors import ClientError, TrainyardError

# In the order --help shows them. A group is imported only to build its parser; none imports anything heavy.
_GROUPS = (
    "up",
    "demo",
    "submit",
    "watch",
    "generate",
    "results",
    "jobs",
    "datasets",
    "models",
    "lists",
    "keys",
    "backup",
    "reindex",
    "doctor",
)


def parser() -> argparse.ArgumentParser:
    root = argparse.ArgumentParser(prog="trainyard", description="Train and serve models on your own machines.")
    root.add_argument(
        "--url", metavar="URL", help="server to talk to (default: TRAINYARD_URL, or the one on this machine)"
    )
    commands = root.add_subparsers(title="commands", metavar="COMMAND", required=True)
    for group in _GROUPS:
        importlib.import_module(f"cli.{group}").add_parser(commands)
    return root


def main(arguments: list[str] | None = None) -> int:
    """Run one command; returns the exit code."""
    survive(sys.stdout)
    survive(sys.stderr)
    options, rest = parser().parse_known_args(arguments)
    if rest and not getattr(options, "takes_params", False):
        parser().error(f"unknown: {' '.join(rest)}")
    options.rest = rest
    try:
        return options.run(options)
    except (ApiError, ClientError) as err:
        return _tell(err, 2)
    except Unreachable as err:
        return _tell(err, 3)
    except TrainyardError as err:
        return _tell(err, 1)
    except redis.RedisError as err:
        return _tell(TrainyardError(f"Redis: {err}; `trainyard doctor` looks at it more closely"), 3)
    except OSError as err:
        if isinstance(err, BrokenPipeError):  # the reader of a pipe has left: `trainyard jobs | head`
            os.dup2(os.open(os.devnull, os.O_WRONLY), sys.stdout.fileno())
            return 0
        return _tell(TrainyardError(str(err)), 1)
    except KeyboardInterrupt:
        return 130


def _tell(err: TrainyardError, code: int) -> int:
    """Print an error and its problems, never a traceback."""
    sys.stdout.flush()
    problems = getattr(err, "problems", [])
    message = f"{len(problems)} values cannot be used:" if len(problems) > 1 else err.message
    print(f"{colour('trainyard:', 'red', sys.stderr)} {plain(message)}", file=sys.stderr)
    for problem in problems:
        if len(problems) == 1 and problem.message in message:
            continue
        where = ", ".join(filter(None, [problem.field, problem.file, problem.line and f"line {problem.line}"]))
        print(plain(f"  {where}: {problem.message}" if where else f"  {problem.message}"), file=sys.stderr)
    for choice in getattr(err, "choices", []):
        option = f"--option {choice.option}={choice.value}"
        print(plain(f"  `trainyard datasets upload {option}` would: {choice.title}"), file=sys.stderr)
    return code


if __name__ == "__main__":
    sys.exit(main())

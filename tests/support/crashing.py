"""Stands in for the process that trains (worker/process.py) and dies as a broken library makes one die: by a real signal, with
faulthandler's real stack on stderr. Needs no TensorFlow.

The job's params say how: dies, a list of "here", "there", "killed" or "", by attempt; checkpoint, whether one is told before.
"""

import faulthandler
import json
import os
import signal
import sys


def say(**message: object) -> None:
    sys.stdout.write(json.dumps(message) + "\n")
    sys.stdout.flush()


def here() -> None:
    os.kill(os.getpid(), signal.SIGSEGV)


def there() -> None:
    os.kill(os.getpid(), signal.SIGSEGV)


def main() -> None:
    faulthandler.enable()
    say(ev="ready")
    order = json.loads(sys.stdin.readline())
    say(ev="started")
    params, attempt = order["job"]["params"], order["job"]["attempt"]
    progress = dict.fromkeys(("epoch", "total_epochs", "steps_per_s", "remaining_s"))
    say(ev="progress", phase="training", step=13, total_steps=20, metrics={"loss": 2.0}, **progress)
    if params.get("checkpoint"):
        say(ev="checkpoint", step=10 * attempt, data={"metrics": {}})
    match params["dies"][attempt - 1]:
        case "here":
            here()
        case "there":
            there()
        case "killed":
            os.kill(os.getpid(), signal.SIGKILL)
    say(ev="done", result={"metrics": {"loss": 1.0}}, warm=[])


if __name__ == "__main__":
    main()

#!/usr/bin/env -S python3 -S -E
"""Stands in for the process that trains (worker/process.py) where the supervisor is what dies: speaks its lines, imports nothing.

Started instead of the interpreter: see every_line.py. Reports one step and one event, then that it is done; while a file "hold"
lies in the volume's folder it waits to be told to stop.
"""

import json
import os
import sys


def say(**message: object) -> None:
    sys.stdout.write(json.dumps(message) + "\n")
    sys.stdout.flush()


def main() -> None:
    say(ev="ready")
    for line in sys.stdin:
        order = json.loads(line)
        if order["do"] == "stop":
            return say(ev="interrupted", reason=order["reason"])
        say(ev="started")
        unknown = dict.fromkeys(("epoch", "total_epochs", "steps_per_s"))
        say(ev="progress", phase="training", step=1, total_steps=2, metrics={"loss": 2.0}, **unknown)
        say(ev="event", type="note", data={"level": "info", "message": "half of it is done"})
        if not os.path.exists(os.path.join(order["data"], "hold")):
            return say(ev="done", result={"metrics": {"loss": 1.0}}, warm=[])


if __name__ == "__main__":
    main()

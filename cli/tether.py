"""python tether.py SIGNAL PARENT_PID COMMAND...: becomes COMMAND, and is sent SIGNAL when its parent dies.

A parent ended by SIGKILL cannot stop its children; on Linux the kernel does it for them. A file of its own, and no
preexec_fn, because that runs Python between fork and exec, which is unsafe beside threads. The process keeps its pid.
"""

import ctypes
import os
import signal
import sys

_PR_SET_PDEATHSIG = 1


def tethered(command: list[str], number: signal.Signals = signal.SIGTERM) -> list[str]:
    """Return a command that runs `command` with its life tied to the thread that starts it."""
    return [sys.executable, "-I", "-S", __file__, str(int(number)), str(os.getpid()), *command]


def main(arguments: list[str]) -> None:
    number, parent, *command = arguments
    if sys.platform == "linux":
        ctypes.CDLL(None).prctl(_PR_SET_PDEATHSIG, int(number), 0, 0, 0)
        if os.getppid() != int(parent):  # it died before the line above
            sys.exit(1)
    os.execvp(command[0], command)


if __name__ == "__main__":
    main(sys.argv[1:])

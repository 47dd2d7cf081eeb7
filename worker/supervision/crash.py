"""Where a process was that died by a fault of its own (SIGSEGV and the like). Pure.

What faulthandler (worker/process.py) has written to stderr is all that is known of the inside.
"""

import re
import signal

# What a program does to itself; SIGKILL and SIGTERM come from outside and are no reason to give up.
SIGNALS = frozenset({signal.SIGSEGV, signal.SIGABRT, signal.SIGBUS, signal.SIGFPE, signal.SIGILL})
_FRAME = re.compile(r'^  File "(?P<file>[^"]+)", line (?P<line>\d+) in (?P<name>\S+)', re.MULTILINE)
_DUMP = "Fatal Python error: "
_OURS = ("worker/", "shared/", "tests/")


def place_of(log: str) -> str:
    """Where a process died, from the end of what it wrote to stderr: the innermost line of our code, and the innermost of all.

    "" when faulthandler has said nothing: a signal from outside, or a stack that could not be walked.
    """
    dump = log.rpartition(_DUMP)[2] if _DUMP in log else ""
    stacks = [part for part in re.split(r"\n(?=(?:Current thread|Thread) 0x)", dump) if _FRAME.search(part)]
    if not stacks:
        return ""
    # a fault in a thread of the library's own has no Python of its own: the main thread, told last, is waiting for it
    stack = next((part for part in stacks if part.startswith("Current thread")), stacks[-1])
    frames = [(_short(m["file"]), m["line"], m["name"]) for m in _FRAME.finditer(stack)]
    ours = next((frame for frame in frames if frame[0].startswith(_OURS)), frames[0])
    text = "{}:{} ({})".format(*ours)
    return text if frames[0] == ours else "{}, within {}:{}".format(text, *frames[0][:2])


def _short(path: str) -> str:
    for part in ("/site-packages/", "/worker/", "/shared/", "/tests/"):
        _, found, tail = path.rpartition(part)
        if found:
            return tail if part == "/site-packages/" else part[1:] + tail
    return path.rpartition("/")[2]

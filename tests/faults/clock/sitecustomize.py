"""On the path of a process whose machine's clock is wrong: time.time() is off by the seconds in the file FAULTS_CLOCK.

The file may change while the process runs, which steps the clock. Monotonic clocks and the file system's times stay right, as
they do on a machine whose wall clock is stepped.
"""

import mmap
import os
import struct
import time

_right = time.time
with open(os.environ["FAULTS_CLOCK"], "r+b") as _file:
    _offset = mmap.mmap(_file.fileno(), 8, prot=mmap.PROT_READ)


def _wrong() -> float:
    return _right() + struct.unpack("d", _offset[:8])[0]


time.time = _wrong

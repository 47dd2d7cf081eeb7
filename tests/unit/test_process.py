"""The process that trains or generates, before it has any order."""

import subprocess
import sys

import pytest


@pytest.mark.skipif(sys.platform != "linux", reason="niceness belongs to a thread on Linux only")
@pytest.mark.parametrize("more", [0, 10, 15])
def test_a_process_started_with_low_priority_never_asks_for_a_higher_one(more):
    """An unprivileged process may not: it would end before it took its first job."""
    code = f"import os; before = os.nice({more}); from worker.process import step_back; step_back(); print(before, os.nice(0))"
    shown = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=True)
    before, after = map(int, shown.stdout.split())
    assert after == max(before, 5)

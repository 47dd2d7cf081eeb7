"""cli/jobs.py: a job in a few lines."""

from cli.jobs import _one


def a_job(numbers: list[int]) -> dict:
    attempts = [{"number": n, "worker": "w", "device": "cpu", "cause": "drained", "last_step": n} for n in numbers]
    return {
        "id": "j", "state": "queued", "kind": "train", "use": "", "recipe": "gpt", "name": "", "attempts": attempts,
        "inputs": {}, "params": {}, "result": None, "error": None,
        "standing": {"why": "", "eta_s": None, "eta": None, "starts_in": None, "eta_basis": ""},
    }  # fmt: skip


def test_attempts_that_the_record_lists_no_longer_are_counted_where_they_were():
    lines = [line for line in _one(a_job([1, 8, 9])).splitlines() if "attempt" in line]
    assert [line.split(":")[0] for line in lines] == ["attempt 1", "6 attempts more", "attempt 8", "attempt 9"]
    assert lines[1].endswith("trainyard log j --attempt N")
    assert "1 attempt more" in _one(a_job([1, 3])) and " more" not in _one(a_job([1, 2]))

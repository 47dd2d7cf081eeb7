"""worker/supervision/attempt_log.py"""

import re

from worker.supervision.attempt_log import AttemptLog

STAMP = r"\d{4}-\d\d-\d\dT\d\d:\d\d:\d\d\.\d{3}Z "


def test_every_line_carries_the_utc_time_also_when_it_came_in_pieces(tmp_path):
    log = AttemptLog(tmp_path / "log.txt")
    log.feed("Zeile 1\n一二".encode())
    log.feed("三\n".encode())
    log.say("stop asked for: cancel")
    log.feed(b"not ended")
    log.close()
    lines = (tmp_path / "log.txt").read_text().splitlines()
    assert [re.sub("^" + STAMP, "", line) for line in lines] == [
        "Zeile 1",
        "一二三",
        "trainyard: stop asked for: cancel",
        "not ended",
    ]
    assert all(re.match(STAMP, line) for line in lines)


def test_of_a_progress_bar_that_redraws_its_line_only_the_last_state_is_kept(tmp_path):
    log = AttemptLog(tmp_path / "log.txt")
    log.feed(b"1/3\r2/3\r3/3\n")
    log.close()
    assert (tmp_path / "log.txt").read_text().endswith("Z 3/3\n")


def test_a_log_without_end_is_cut_with_a_word_about_it(tmp_path):
    log = AttemptLog(tmp_path / "log.txt")
    line = b"x" * 999_999 + b"\n"
    for _ in range(80):
        log.feed(line)
    log.close()
    assert (tmp_path / "log.txt").stat().st_size < 70e6
    assert "reached its limit" in (tmp_path / "log.txt").read_text()[-200:]

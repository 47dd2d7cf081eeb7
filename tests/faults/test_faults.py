"""Random faults, from a seed, on a whole installation that trains for real; afterwards the history is checked.

The short form is part of the default suite. `make faults` runs the long one: FAULTS_SECONDS (3600) and FAULTS_SEED (0).
"""

import os

import pytest

from tests.faults.storm import storm


@pytest.mark.timeout(900)
@pytest.mark.makes_staging
def test_a_short_storm_of_faults_loses_no_job_and_doubles_no_outcome(redis_server, tmp_path):
    history, figures = storm(tmp_path, seconds=90, seed=int(os.environ.get("FAULTS_SEED", "7")), workers=2)
    print(figures)
    assert sum(fault["hit"] for fault in history.faults) >= 10


@pytest.mark.long
@pytest.mark.makes_staging
def test_a_long_storm_of_faults_loses_no_job_and_doubles_no_outcome(redis_server, tmp_path):
    seconds, seed = float(os.environ.get("FAULTS_SECONDS", "3600")), int(os.environ.get("FAULTS_SEED", "0"))
    history, figures = storm(tmp_path, seconds=seconds, seed=seed, workers=2)
    print("\n".join([figures, *map(str, history.faults)]))

"""Rows of tokens are put into windows without one being lost, cut or put in twice, and little is left empty."""

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from worker.families.tuning.packing import pack


@given(st.lists(st.integers(1, 50), min_size=1, max_size=200), st.integers(0, 3))
def test_every_row_is_in_one_window_and_none_is_too_full(lengths, seed):
    order = np.random.default_rng(seed).permutation(len(lengths))
    sizes = np.array(lengths)[order]
    windows = pack(order, sizes, 50)
    assert sorted(windows.rows.tolist()) == list(range(len(lengths)))
    for number in range(len(windows)):
        rows = windows.of(number)
        assert len(rows) and sum(lengths[row] for row in rows) <= 50


@pytest.mark.parametrize(
    ("lengths", "count"), [([6, 4, 5, 5, 7, 3], 3), ([10, 10], 2), ([1] * 10, 1), ([9, 2, 2, 2, 2, 1], 2)]
)
def test_rows_that_fill_windows_exactly_do(lengths, count):
    assert len(pack(np.arange(len(lengths)), np.array(lengths), 10)) == count


def test_rows_apart_have_a_window_each_in_their_order():
    windows = pack(np.array([7, 3]), np.array([1, 1]), 10, together=False)
    assert [windows.of(number).tolist() for number in range(len(windows))] == [[7], [3]]


def test_a_hundred_thousand_rows_are_packed_within_seconds():
    lengths = np.random.default_rng(0).integers(10, 400, 100_000)
    windows = pack(np.arange(len(lengths)), lengths, 512)
    assert lengths.sum() / (len(windows) * 512) > 0.99

"""Series of numbers over time: rows brought to even steps, windows of them, networks that go on from a window."""

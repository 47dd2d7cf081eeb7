"""Models that make pictures: their networks, what they learn from, grids of what they make, and how like real pictures it is."""

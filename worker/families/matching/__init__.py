"""Texts as vectors: pairs to learn from, search, doubles and groups."""

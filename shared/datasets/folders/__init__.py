"""Uploads in folders, whatever is in them: which are parts, which classes, and what is asked where that cannot be told."""

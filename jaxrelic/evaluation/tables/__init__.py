"""Scores laid out as tables, ours beside the papers'."""

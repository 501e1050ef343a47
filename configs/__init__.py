"""Experiments: one file each, values only."""

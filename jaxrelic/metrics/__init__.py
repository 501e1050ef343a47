"""Metrics as sums and counts under named protocols."""

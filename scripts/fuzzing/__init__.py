"""Inputs for `scripts/fuzz.py`: sound folders, and what may be wrong with them."""

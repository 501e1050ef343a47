"""Batches of single photographs, for M-SRN."""

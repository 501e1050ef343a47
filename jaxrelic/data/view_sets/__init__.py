"""Batches of posed views of one relic, for One-2-3-45."""

"""Per-example loss terms, summed by name in one place."""

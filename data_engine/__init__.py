"""The factory: scans to relics with provenance, to renders, to TFDS shards."""

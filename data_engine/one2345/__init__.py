"""The folder of views that One-2-3-45 trains on, written and read back."""

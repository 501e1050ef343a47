"""Child processes that work on files from elsewhere."""

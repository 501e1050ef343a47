"""Folders of One-2-3-45's own loader, both ways."""

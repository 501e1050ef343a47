"""Photographs with their background, for foreground perception."""

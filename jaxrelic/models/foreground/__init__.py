"""Foreground perception: which part of a photograph makes it an example of its category."""

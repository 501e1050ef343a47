"""The state before the first step."""

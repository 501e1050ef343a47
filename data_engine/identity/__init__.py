"""Which relics are one object, and which only look alike."""

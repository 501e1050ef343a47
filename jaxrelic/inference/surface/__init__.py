"""A field of distance and colour becomes a mesh."""

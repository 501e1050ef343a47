"""One package per model; models never import one another."""

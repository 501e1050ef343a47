"""The paths of the soft rasterizer: dense, fast, layered and Pallas."""

"""Cameras, rigid transforms, meshes, sampling and alignment: pure functions on arrays."""

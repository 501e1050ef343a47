"""Soft rasterization, ray marching, compositing and shading: pure functions."""

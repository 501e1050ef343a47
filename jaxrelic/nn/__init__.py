"""Layers used by two or more models."""

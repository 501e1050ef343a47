"""Relics made from formulas (CC0): the demo, the tests, unlimited training data."""

"""Relics made from formulas (CC0): the demo, the tests, unlimited training data."""

from data_engine.procedural.folder import write_relics
from data_engine.procedural.relic import Family, ProceduralRelic, families, make_relic

__all__ = ["Family", "ProceduralRelic", "families", "make_relic", "write_relics"]

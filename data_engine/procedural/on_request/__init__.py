"""Families that are made only when named: abstract forms, statues, heads, beasts, jugs."""

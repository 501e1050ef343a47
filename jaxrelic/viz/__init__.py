"""Grids, turntables, curves and the HTML report."""

"""Samples along rays and in grids, for fields of density or distance."""

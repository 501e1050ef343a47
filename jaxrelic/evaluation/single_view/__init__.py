"""Scores of one photograph turned into one mesh."""

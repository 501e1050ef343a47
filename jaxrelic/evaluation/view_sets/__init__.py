"""Scores of several posed views turned into one surface."""

"""The object of a photograph, cut out."""

"""CLIP's image tower (Radford et al., arXiv:2103.00020)."""

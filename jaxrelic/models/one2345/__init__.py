"""One-2-3-45: posed views to a signed distance field and its colours (arXiv:2306.16928)."""

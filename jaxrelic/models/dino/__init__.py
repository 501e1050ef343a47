"""DINOv2's image tower (Oquab et al., arXiv:2304.07193)."""

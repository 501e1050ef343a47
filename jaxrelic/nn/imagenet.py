"""Colours of ImageNet, which published trunks were trained on."""

MEAN = (0.485, 0.456, 0.406)
"""Mean of RGB in [0, 1]."""
STD = (0.229, 0.224, 0.225)
"""Standard deviation of RGB in [0, 1]."""

"""What the layouts of ShapeNet share: categories and published counts (specification msrn F.5)."""

NAMES = {
    "02691156": "airplane",
    "02828884": "bench",
    "02933112": "cabinet",
    "02958343": "car",
    "03001627": "chair",
    "03211117": "display",
    "03636649": "lamp",
    "03691459": "loudspeaker",
    "04090263": "rifle",
    "04256520": "sofa",
    "04379243": "table",
    "04401088": "telephone",
    "04530566": "vessel",
}
"""The 13 categories by synset."""

VIEWS = 24
"""Renders of each object, 15 degrees of azimuth apart."""

_TRAIN = (2831, 1271, 1100, 5247, 4744, 766, 1622, 1132, 1660, 2221, 5956, 736, 1357)
_TEST = (810, 364, 315, 1500, 1357, 220, 465, 325, 475, 635, 1703, 211, 389)

PUBLISHED = {
    (name, split): count
    for split, counts in (("train", _TRAIN), ("test", _TEST))
    for name, count in zip(NAMES.values(), counts, strict=True)
}
"""Objects by category and split; those of the validation split are not published."""

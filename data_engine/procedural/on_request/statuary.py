"""Figures in poses, heads with faces, beasts and birds: bodies of limbs that bend at their joints.

Measures are rough shares of a body's height, after the canon of eight heads; poses vary.
"""

from collections.abc import Callable

import numpy as np

from data_engine.procedural import fields
from data_engine.procedural.draft import Draft, draw, pick
from data_engine.procedural.on_request import solids
from data_engine.procedural.on_request.arrangement import bumpy, mirrored, net, placed, unwrap_box
from data_engine.procedural.on_request.invented import INVENTED
from data_engine.procedural.on_request.solids import Shape

CELLS = 140_000
STUFF = ("marble", "limestone", "bronze", "terracotta", "granite", "basalt", "wood", "jade", "gold")
Limb = tuple[np.ndarray, np.ndarray]
"""Points [n, 3] and radii [n]."""


def _carved(shape: Shape, rng: np.random.Generator, noun: str, longest_cm, recipe: str) -> Draft:
    """A draft of a shape, in old stone, metal or wood mostly."""
    found = net(shape, cells=CELLS)
    assert found is not None, f"{recipe}: nothing there"
    size = draw(rng, longest_cm=longest_cm)
    return Draft(
        surface=unwrap_box(*found),
        noun=noun,
        material=pick(rng, STUFF if rng.random() < 0.7 else tuple(INVENTED)),
        longest_cm=size["longest_cm"],
        parameters={"recipe": recipe, **size},
    )


def _bend(start, lengths, angles) -> np.ndarray:
    """Joints [n + 1, 3] of a chain: each angle pair turns (outward, forward) from hanging down."""
    points = [np.asarray(start, float)]
    for length, (outward, forward) in zip(lengths, angles, strict=True):
        side, ahead = np.sin(outward), np.sin(forward) * np.cos(outward)
        step = np.array([side, -ahead, -np.cos(outward) * np.cos(forward)])
        points.append(points[-1] + length * step)
    return np.stack(points)


def _on_side(limb: Limb, side: int) -> Limb:
    points, radii = limb
    return points * [side, 1, 1], radii


def _arm(rng: np.random.Generator, build: float) -> Limb:
    """Shoulder, elbow, wrist and hand, on the +x side; the figure looks towards -y."""
    upper = (rng.uniform(0.05, 1.9), rng.uniform(-0.5, 1.2))
    lower = (rng.uniform(-0.6, 2.2), rng.uniform(0.0, 2.2))
    points = _bend((0.2 * build, 0, 0.62), (0.32, 0.28, 0.1), (upper, lower, lower))
    return points, build * np.array([0.075, 0.06, 0.045, 0.05])


def _leg(rng: np.random.Generator, build: float, seated: bool) -> Limb:
    """Hip, knee, ankle and toes."""
    thigh = (rng.uniform(0.02, 0.3), rng.uniform(1.1, 1.6) if seated else rng.normal(0.05, 0.25))
    shin = (rng.uniform(-0.1, 0.15), thigh[1] - rng.uniform(*((1.0, 1.6) if seated else (0, 0.4))))
    points = _bend((0.1 * build, 0, 0.02), (0.46, 0.44, 0.14), (thigh, shin, (0.1, 1.5)))
    return points, build * np.array([0.115, 0.08, 0.055, 0.04])


def _face(p, centre: np.ndarray, size: float, rng: np.random.Generator) -> Shape:
    """A head that looks towards -y: skull, jaw, nose, brow, eyes, ears, hair; a function of p."""
    jaw, nose, brow = rng.uniform(0.6, 0.85), rng.uniform(0.1, 0.28), rng.uniform(0.0, 0.12)
    hair, beard, hat = rng.choice(4), rng.random() < 0.25, rng.choice(6)
    long, ears = rng.uniform(0.1, 1.3), rng.uniform(0.15, 0.3)

    def shape(q) -> np.ndarray:
        x, y, z = q
        f = (np.abs(x), y, z)
        skull = fields.ellipsoid(q, (0, 0.08, 0.12), (0.68, 0.82, 0.85))
        chin = fields.ellipsoid(q, (0, -0.22, -0.5), (0.45 * jaw / 0.7, 0.5, 0.45))
        head = fields.blend(0.3, skull, chin)
        ridge = fields.limb(f, (0, -0.68, 0.08), (0.3, -0.62, 0.12), 0.08 + brow, 0.07)
        bridge = fields.limb(q, (0, -0.7, 0.05), (0, -0.78 - nose, -0.25), 0.06, 0.1)
        head = fields.blend(0.12, head, ridge, bridge)
        head = fields.carve(0.08, head, fields.sphere(f, (0.26, -0.76, -0.03), 0.11))
        head = np.minimum(head, fields.sphere(f, (0.26, -0.63, -0.03), 0.1))
        mouth = fields.limb(f, (0, -0.74, -0.5), (0.2, -0.66, -0.47), 0.03, 0.02)
        head = fields.carve(0.03, head, mouth)
        head = np.minimum(head, fields.ellipsoid(f, (0.68, 0.1, -0.05), (0.08, 0.14, ears)))
        if hair:
            cap = fields.ellipsoid(q, (0, 0.2, 0.25), (0.78, 0.85, 0.85))
            cap = np.maximum(cap, -(y + 0.35 + 0.25 * z))
            locks = fields.limb(f, (0.5, 0.45, 0.1), (0.45, 0.5, -long), 0.3, 0.2)
            head = (
                fields.blend(0.08, head, cap, locks) if hair > 1 else fields.blend(0.08, head, cap)
            )
        if beard:
            head = fields.blend(
                0.1, head, fields.limb(q, (0, -0.5, -0.6), (0, -0.5, -0.6 - 0.5 * long), 0.3, 0.1)
            )
        if hat == 1:
            head = np.minimum(head, fields.limb(q, (0, 0.1, 0.7), (0, 0.15, 1.5), 0.5, 0.12))
        if hat == 2:
            head = np.minimum(head, fields.ring(q, (0, 0.05, 0.5), 0.72, 0.12, axis=2))
        return head

    return placed(shape, at=centre, size=size)(p)


def _lazy(function: Callable, *args) -> Shape:
    """A shape whose random numbers are the same at every evaluation."""
    *args, rng = args
    seed = int(rng.integers(2**32))
    return lambda p: function(p, *args, np.random.default_rng(seed))


def _base(rng: np.random.Generator, ground: float, wide: float) -> Shape:
    """A plinth under a figure."""
    half = np.array([wide, wide * rng.uniform(0.7, 1), rng.uniform(0.03, 0.12)])
    if rng.random() < 0.5:
        return lambda p: fields.box(p, (0, 0, ground), half, rounding=0.015)
    return lambda p: np.maximum(np.hypot(p[0], p[1]) - wide, np.abs(p[2] - ground) - half[2])


def statue(rng: np.random.Generator) -> Draft:
    """A person standing or seated in any pose, clothed at times, with wings, staff or shield."""
    seated, build = rng.random() < 0.3, rng.uniform(0.8, 1.35)
    limbs = [_on_side(_arm(rng, build), side) for side in (-1, 1)]
    legs = [_on_side(_leg(rng, build, seated), side) for side in (-1, 1)]
    ground = min(points[:, 2].min() for points, _ in legs)
    face = _lazy(_face, np.array([rng.normal(0, 0.03), -0.03, 0.86]), rng.uniform(0.13, 0.17), rng)
    robe, wings, staff = rng.random() < 0.5, rng.random() < 0.12, rng.random() < 0.25
    hem = rng.uniform(0.16, 0.34)
    drapery = rng.uniform(0.008, 0.03)
    base = _base(rng, ground - 0.03, rng.uniform(0.28, 0.45))
    hand, spread = limbs[0][0][-1], rng.uniform(0.3, 0.8)
    seat = rng.uniform(0.15, 0.3)

    def body(p) -> np.ndarray:
        chest = fields.ellipsoid(p, (0, 0, 0.5), (0.19 * build, 0.13 * build, 0.22))
        hips = fields.ellipsoid(p, (0, 0.01, 0.1), (0.17 * build, 0.13 * build, 0.2))
        neck = fields.limb(p, (0, 0.01, 0.6), (0, 0, 0.78), 0.07, 0.06)
        parts = [chest, hips, neck, *(fields.path(p, *limb) for limb in (*limbs, *legs))]
        if robe:
            parts.append(fields.limb(p, (0, 0, 0.25), (0, -0.02, ground + 0.1), 0.15 * build, hem))
        return fields.blend(0.06, *parts)

    clothed = bumpy(body, rng, depth=drapery, wavelength=rng.uniform(0.1, 0.3)) if robe else body

    def shape(p) -> np.ndarray:
        whole = fields.blend(0.03, clothed(p), face(p))
        if wings:
            feather = fields.ellipsoid(mirrored(p), (0.3, 0.2, 0.45), (spread / 2, 0.05, 0.4))
            whole = np.minimum(whole, feather)
        if staff:
            pole = fields.limb(p, (hand[0], hand[1], ground), (hand[0], hand[1], 0.9), 0.03, 0.03)
            whole = np.minimum(whole, pole)
        if seated:
            block = fields.box(
                p, (0, 0.12, ground / 2 - 0.05), (0.25, seat, -ground / 2), rounding=0.02
            )
            whole = np.minimum(whole, block)
        return np.minimum(whole, base(p))

    noun = "seated_figure" if seated else "standing_figure"
    return _carved(shape, rng, noun, (8, 220), "statue")


def head(rng: np.random.Generator) -> Draft:
    """A head or bust with a face, the neck broken off, on shoulders, or on a socle."""
    face = _lazy(_face, np.array([0, 0, 0.35]), rng.uniform(0.55, 0.75), rng)
    kind, drop = rng.integers(3), rng.uniform(0.1, 0.5)
    shoulders, rough = rng.uniform(0.55, 0.95), rng.uniform(0, 0.02)

    def torso(p) -> np.ndarray:
        neck = fields.limb(p, (0, 0.1, 0), (0, 0.12, -0.45 - drop), 0.24, 0.3)
        if kind == 0:
            return neck
        chest = fields.ellipsoid(p, (0, 0.1, -0.85), (shoulders, 0.36, 0.45))
        chest = np.maximum(fields.blend(0.2, neck, chest), -(p[2] + 1.05))
        if kind == 1:
            return chest
        socle = fields.limb(p, (0, 0.1, -1.0), (0, 0.1, -1.4), 0.16, 0.24)
        return np.minimum(chest, np.maximum(socle, -(p[2] + 1.45)))

    rippled = bumpy(torso, rng, depth=rough, wavelength=0.25)
    return _carved(lambda p: fields.blend(0.06, rippled(p), face(p)), rng, "bust", (8, 80), "head")


def beast(rng: np.random.Generator) -> Draft:
    """A four-legged animal or a bird: standing, walking, sitting or lying; horns, wings, tails."""
    bird, sits = rng.random() < 0.3, rng.random() < 0.35
    back = np.array([0, 0.45, 0.0])
    chest = np.array([0, -0.4, rng.uniform(0.25, 0.6) if sits or bird else rng.uniform(-0.1, 0.12)])
    thick = rng.uniform(0.16, 0.32, 2)
    skull = chest + rng.uniform([-0.1, -0.5, 0.1], [0.1, -0.05, 0.55])
    snout = skull + rng.uniform([-0.05, -0.4, -0.25], [0.05, -0.15, 0.05])
    tall = rng.uniform(0.35, 0.8) * (0.45 if sits else 1)
    legs = []
    for root, far in ((chest, 0.6), (back, 0.6)):
        for side in (-1, 1):
            foot = np.array([root[0] + side * 0.16, root[1] + rng.normal(0, 0.12), -tall - 0.1])
            knee = (root + foot) / 2 + [side * 0.06, rng.normal(0, 0.12), 0]
            points = np.stack(
                [root + np.array([side * 0.1, 0, 0]), knee, foot, foot + np.array([0, -0.1, 0])]
            )
            legs.append((points, far * thick.min() * np.array([0.9, 0.55, 0.4, 0.42])))
    if bird:
        legs = legs[2:]
    horn = np.stack(
        [
            skull,
            skull + np.array([0.14, 0.1, 0.25]),
            skull + rng.uniform([0, 0, 0.1], [0.5, 0.4, 0.5]),
        ]
    )
    tail = back + np.cumsum(rng.uniform([-0.1, 0.05, -0.3], [0.1, 0.3, 0.2], (3, 3)), axis=0)
    ear = skull + np.array([[0.1, 0.05, 0.05], [0.14, 0.08, 0.1 + rng.uniform(0.08, 0.25)]])
    horned, winged, k = rng.random() < 0.3, bird or rng.random() < 0.12, rng.uniform(0.05, 0.14)
    wing = rng.uniform([0.04, 0.3, 0.15], [0.1, 0.55, 0.4])
    lift, base = rng.uniform(0.12, 0.5), _base(rng, -tall - 0.15, rng.uniform(0.35, 0.6))
    on_base = rng.random() < 0.6

    def animal(p) -> np.ndarray:
        q = mirrored(p)
        parts = [
            fields.limb(p, chest, back, *thick),
            fields.limb(p, chest, skull, 0.75 * thick[0], 0.13),
            fields.limb(p, skull, snout, 0.15, 0.05 if bird else 0.09),
            fields.path(p, np.concatenate([back[None], tail]), [0.1, 0.07, 0.05, 0.04]),
            fields.limb(q, *ear, 0.06, 0.02),
            *(fields.path(p, *leg) for leg in legs),
        ]
        if horned:
            parts.append(fields.path(q, horn, [0.06, 0.05, 0.025]))
        if winged:
            parts.append(fields.ellipsoid(q, (lift, 0.1, chest[2] / 2), wing))
        return fields.blend(k, *parts)

    fur = bumpy(animal, rng, depth=rng.uniform(0, 0.02), wavelength=rng.uniform(0.1, 0.4))

    def shape(p) -> np.ndarray:
        return np.minimum(fur(p), base(p)) if on_base else fur(p)

    return _carved(shape, rng, "beast", (4, 120), "beast")


def jug(rng: np.random.Generator) -> Draft:
    """A hollow vessel with one or two handles that grow out of its wall, lipped at times."""
    knots = np.array([rng.uniform(0.2, 0.5), rng.uniform(0.4, 0.75), rng.uniform(0.12, 0.45)])
    mouth, handles = rng.uniform(0.2, 0.5), int(rng.integers(1, 3))
    outer = np.stack([[*knots, mouth], [-0.9, rng.uniform(-0.5, 0.1), 0.45, 0.9]], axis=-1)
    body = solids.turned(outer, wall=rng.uniform(0.05, 0.09))
    low, high, reach = rng.uniform(-0.4, 0.1), rng.uniform(0.4, 0.85), rng.uniform(0.7, 1.1)
    at_low, at_high = (np.interp(h, outer[:, 1], outer[:, 0]) for h in (low, high))
    points = np.array(
        [
            [at_low - 0.03, 0, low],
            [reach, 0, low + 0.15],
            [reach, 0, high],
            [at_high - 0.02, 0, high],
        ]
    )
    rod, lip = rng.uniform(0.04, 0.08), rng.uniform(0, 0.25)

    def shape(p) -> np.ndarray:
        x, y, z = p
        q = (np.abs(x), y, z) if handles == 2 else p
        pulled = x + np.float32(lip) * np.clip(z - 0.6, 0, 1) * (x < 0)
        return fields.blend(0.03, body((pulled, y, z)), fields.path(q, points, np.full(4, rod)))

    return _carved(shape, rng, "jug", (8, 60), "jug")


STATUARY = {
    "statue": ("figure", statue),
    "head": ("bust", head),
    "beast": ("figure", beast),
    "jug": ("vessel", jug),
}
"""Category and recipe of each family."""

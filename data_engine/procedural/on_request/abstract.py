"""Abstract forms: random compositions that resemble nothing and teach everything.

LRM-Zero (arXiv:2406.09371) trained reconstructors on random compositions of primitives alone, and
they carried over to real objects nearly as well as those trained on collections of real ones. These
are in that spirit and go further where relics do: vessels, plates, legs, rods, carved relief.
"""

from collections.abc import Callable

import numpy as np

from data_engine.procedural import fields
from data_engine.procedural.draft import Draft, draw, pick
from data_engine.procedural.materials import MATERIALS
from data_engine.procedural.on_request import solids
from data_engine.procedural.on_request.arrangement import (
    bent,
    bumpy,
    mirrored,
    net,
    placed,
    random_rotation,
    repeated,
    surface_point,
    twisted,
    unwrap_box,
    warped,
)
from data_engine.procedural.on_request.invented import INVENTED
from data_engine.procedural.on_request.solids import Shape

CELLS = 140_000
ATTEMPTS = 20
"""Compositions that come to nothing, or to a speck, are drawn again."""
LEAST_FACES = 1_000
UPRIGHT_SHARE = 0.85
"""How many stand as they were made; the others lie in a random position."""


def heap(rng: np.random.Generator) -> Shape:
    """A body with parts put on its surface, smaller and smaller, joined sharply or smoothly."""
    whole = placed(solids.any_solid(rng), at=(0, 0, 0), size=1.0, rotation=_turn(rng))
    fold = _symmetry(rng)
    for _ in range(int(rng.integers(0, 6))):
        at = surface_point(whole, rng)
        if at is None:
            break
        size = rng.uniform(0.2, 0.75)
        part = placed(solids.any_solid(rng), at=at, size=size, rotation=_turn(rng))
        whole = _joined(whole, warped(part, *fold), rng.choice([0.01, 0.06, 0.15]))
    return whole


def pierced(rng: np.random.Generator) -> Shape:
    """A heap less one or two solids: holes, notches, hollows."""
    whole, fold = heap(rng), _symmetry(rng)
    for _ in range(int(rng.integers(1, 3))):
        at = surface_point(whole, rng)
        if at is not None:
            tool = placed(
                solids.any_solid(rng), at=at, size=rng.uniform(0.25, 0.6), rotation=_turn(rng)
            )
            whole = _less(whole, warped(tool, *fold))
    return whole


def vessel(rng: np.random.Generator) -> Shape:
    """A turned body, mostly hollow, with handles, a spout or feet at times."""
    whole = solids.lathe(rng, hollow=rng.random() < 0.75)
    handles = int(rng.choice([0, 0, 1, 2, 3, 4]))
    if handles:
        at, reach = rng.uniform(-0.4, 0.6), rng.uniform(0.15, 0.5)
        rod = rng.uniform(0.04, 0.09)
        loop = _loop(0.35 + reach / 2, at, reach, rng.uniform(0.15, 0.5), rod)
        ears = warped(loop, repeated(handles)) if handles != 1 else loop
        whole = _joined(whole, ears, 0.03)
    if rng.random() < 0.2:
        count = int(rng.integers(3, 6))
        leg = placed(solids.capsule(rng), at=(rng.uniform(0.25, 0.5), 0, -0.95), size=0.4)
        whole = _joined(whole, warped(leg, repeated(count)), 0.05)
    return whole


def _loop(middle: float, at: float, reach: float, tall: float, rod: float) -> Shape:
    """Half a ring in the plane of x and z that begins and ends inside a body about the axis."""
    angle = np.linspace(-0.6 * np.pi, 0.6 * np.pi, 9)
    x, z = middle + reach * np.cos(angle), at + tall * np.sin(angle)
    points = np.stack([x, 0 * x, z], axis=-1)
    return lambda p: fields.path(p, points, np.full(len(points), rod))


def plate(rng: np.random.Generator) -> Shape:
    """A thin plate or blade of a random outline, at times carved, pierced or on a foot."""
    whole = solids.extrusion(rng, half=rng.uniform(0.04, 0.14))
    if rng.random() < 0.6:
        whole = bumpy(whole, rng, depth=rng.uniform(0.01, 0.05), wavelength=rng.uniform(0.15, 0.6))
    if rng.random() < 0.4:
        hole = solids.extrusion(rng, half=1.0)
        at = (*rng.uniform(-0.3, 0.3, 1), 0, *rng.uniform(-0.3, 0.3, 1))
        whole = _less(whole, placed(hole, at=at, size=rng.uniform(0.1, 0.35)))
    if rng.random() < 0.5:
        grip = placed(solids.any_solid(rng), at=(0, 0, -rng.uniform(0.6, 0.9)), size=0.4)
        whole = _joined(whole, grip, 0.05)
    return whole


def stand(rng: np.random.Generator) -> Shape:
    """A top on legs, with rails between them and a back at times: tables, stools, tripods."""
    half = rng.uniform([0.4, 0.4, 0.04], [0.85, 0.85, 0.2])
    height, rod = rng.uniform(0.3, 1.4), rng.uniform(0.04, 0.11)
    foot = rng.uniform(0.7, 1.2, 2)
    corner = half[:2] * 0.85
    taper, rails, rail_at = rng.uniform(0.5, 1.2), rng.random() < 0.4, rng.uniform(0.4, 0.8)
    back = rng.uniform(0.4, 1.1) if rng.random() < 0.4 else 0.0
    round_top = solids.frustum(rng)

    def shape(p) -> np.ndarray:
        x, y, z = p
        whole = fields.box(p, (0, 0, 0), half, rounding=0.03)
        q = (np.abs(x), np.abs(y), z)
        leg = fields.limb(q, (*corner, 0), (*(corner * foot), -height), rod, rod * taper)
        whole = np.minimum(whole, leg)
        if rails:
            bars = fields.box(q, (0, corner[1], -height * rail_at), (corner[0], rod, rod))
            whole = np.minimum(whole, bars)
        if back:
            seat = fields.box(p, (0, half[1] - 0.06, back / 2), (half[0], 0.06, back / 2))
            whole = np.minimum(whole, seat)
        return whole

    if back or rng.random() < 0.6:
        return shape
    legs = int(rng.integers(3, 6))
    leg = placed(solids.capsule(rng), at=(rng.uniform(0.3, 0.55), 0, -0.7), size=0.7)
    return _joined(placed(round_top, at=(0, 0, 0), size=0.9), warped(leg, repeated(legs)), 0.05)


def creature(rng: np.random.Generator) -> Shape:
    """A trunk with a head and paired limbs, upright or on all fours; no animal in particular."""
    lying = rng.random() < 0.5
    trunk = np.array([[0, -0.45, 0], [0, 0.45, rng.uniform(-0.1, 0.2)]])
    if not lying:
        trunk = np.array([[0, 0, -0.4], [0, rng.uniform(-0.15, 0.15), 0.4]])
    thick = rng.uniform(0.14, 0.36, 2)
    head = trunk[1] + rng.uniform([0, -0.1, 0.2], [0, 0.4, 0.5])
    if not lying:
        head = trunk[1] + rng.uniform([0, -0.15, 0.2], [0, 0.05, 0.45])
    head_size, k = rng.uniform(0.14, 0.34), rng.choice([0.02, 0.08, 0.15])
    limbs = [_limb(rng, anchor, lying) for anchor in trunk[rng.integers(0, 2, rng.integers(1, 4))]]
    skull = placed(solids.any_solid(rng), at=head, size=head_size * 1.4, rotation=_turn(rng))

    def shape(p) -> np.ndarray:
        parts = [
            fields.limb(p, *trunk, *thick),
            fields.limb(p, trunk[1], head, 0.6 * thick[1], 0.1),
        ]
        parts += [fields.path(mirrored(p), points, radii) for points, radii in limbs]
        return fields.blend(k, *parts, skull(mirrored(p)))

    return shape


def _limb(rng: np.random.Generator, anchor: np.ndarray, lying: bool):
    """Points [3, 3] and radii [3] of an arm, a leg, an ear or a wing on the +x side."""
    spread = [[0.05, -0.25, -0.45], [0.45, 0.25, 0.1 if lying else 0.4]]
    elbow = anchor + rng.uniform(*spread)
    points = np.stack([anchor + np.array([0.08, 0, 0]), elbow, elbow + rng.uniform(*spread)])
    return points, np.sort(rng.uniform(0.05, 0.17, 3))[::-1]


def cluster(rng: np.random.Generator) -> Shape:
    """A rod or ring with beads of one kind on it, or a chain of different ones."""
    whole, same = solids.curve(rng), solids.any_solid(rng)
    alike = rng.random() < 0.5
    for _ in range(int(rng.integers(1, 7))):
        at = surface_point(whole, rng)
        if at is None:
            break
        bead = same if alike else solids.any_solid(rng)
        whole = _joined(whole, placed(bead, at=at, size=rng.uniform(0.15, 0.5)), 0.04)
    return whole


RECIPES: dict[str, tuple[float, Callable[[np.random.Generator], Shape]]] = {
    "heap": (0.26, heap),
    "pierced": (0.14, pierced),
    "vessel": (0.2, vessel),
    "plate": (0.12, plate),
    "stand": (0.08, stand),
    "creature": (0.13, creature),
    "cluster": (0.07, cluster),
}
"""Recipes by name, with the share of each."""


def abstract(rng: np.random.Generator) -> Draft:
    """One abstract form of an invented material, or of a known one."""
    names, shares = list(RECIPES), np.array([share for share, _ in RECIPES.values()])
    for _ in range(ATTEMPTS):
        recipe = names[int(rng.choice(len(names), p=shares))]
        stretch = draw(rng, x=(0.65, 1.3), y=(0.65, 1.3), z=(0.75, 1.4))
        found = net(_finished(RECIPES[recipe][1](rng), rng), cells=CELLS)
        if found is not None and len(found[1]) >= LEAST_FACES:
            break
    else:
        raise AssertionError(f"no form in {ATTEMPTS} attempts")
    vertices, faces = found
    vertices = vertices * list(stretch.values())
    if rng.random() > UPRIGHT_SHARE:
        vertices = vertices @ random_rotation(rng).T
    stuff = pick(rng, tuple(INVENTED) if rng.random() < 0.75 else tuple(MATERIALS))
    size = draw(rng, longest_cm=(5, 80))
    return Draft(
        surface=unwrap_box(vertices, faces),
        noun="abstract_form",
        material=stuff,
        longest_cm=size["longest_cm"],
        parameters={"recipe": recipe, **stretch, **size},
    )


def _finished(shape: Shape, rng: np.random.Generator) -> Shape:
    """Twists, leans, roughens a shape and puts it on a base, each at times; turns it about z."""
    if rng.random() < 0.25:
        depth, wavelength = rng.uniform(0.01, 0.06), rng.uniform(0.2, 0.9)
        shape = bumpy(shape, rng, depth=depth, wavelength=wavelength)
    if rng.random() < 0.12:
        shape = warped(shape, twisted(rng.uniform(-0.25, 0.25)))
    if rng.random() < 0.12:
        shape = warped(shape, bent(rng.uniform(-0.35, 0.35)))
    if rng.random() < 0.2:
        base = placed(
            pick(rng, (solids.box, solids.frustum))(rng),
            at=(0, 0, -rng.uniform(0.9, 1.2)),
            size=0.6,
        )
        shape = _joined(shape, base, 0.03)
    return shape


def _turn(rng: np.random.Generator) -> np.ndarray:
    """Straight, a quarter turn over, or any rotation."""
    kind = rng.integers(3)
    if kind == 0:
        return np.eye(3)
    if kind == 1:
        return np.eye(3)[rng.permutation(3)]
    return random_rotation(rng)


def _symmetry(rng: np.random.Generator) -> tuple:
    """How the parts of one relic repeat: not at all, left and right, or around the axis."""
    kind = rng.random()
    if kind < 0.35:
        return ()
    if kind < 0.75:
        return (mirrored,)
    return (repeated(int(rng.integers(2, 8))),)


def _joined(one: Shape, other: Shape, k: float) -> Shape:
    return lambda p: fields.blend(float(k), one(p), other(p))


def _less(solid: Shape, tool: Shape) -> Shape:
    return lambda p: fields.carve(0.02, solid(p), tool(p))

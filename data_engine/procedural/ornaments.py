"""Things worn and wielded: bead string, jade disc, dagger, axe."""

import dataclasses
import itertools

import numpy as np
import scipy.interpolate

from data_engine.procedural import fields
from data_engine.procedural.canvas import Canvas
from data_engine.procedural.draft import Draft, draw, pick
from data_engine.procedural.surfaces import (
    lathe,
    level_set,
    tube,
    unwrap_front_back,
    volume_of_revolution,
)

RING = 0.4
"""Radius of the thread of a bead string."""


def _sized_beads(q: dict[str, float], count: int) -> tuple[np.ndarray, np.ndarray]:
    """Centres [count, 3] and radii [count]; every other bead is smaller, low ones are larger."""
    turn = 2 * np.pi * (np.arange(count) / count - 0.25)
    centres = RING * np.stack([np.cos(turn), 0 * turn, q["drop"] * np.sin(turn)], -1)
    radii = q["bead"] * np.pi * RING / count * (1 - q["contrast"] * (np.arange(count) % 2))
    return centres, np.maximum(0.035, radii * (1 - 0.25 * q["contrast"] * (1 + np.sin(turn))))


def bead_string(rng: np.random.Generator) -> Draft:
    """Beads threaded in a ring, hung upright, some with a pendant at the bottom."""
    count, pendant = int(rng.integers(9, 21)), rng.random() < 0.5
    q = draw(
        rng,
        bead=(0.75, 1.0),
        contrast=(0.0, 0.35),
        drop=(1.0, 1.35),
        stretch=(0.9, 1.15),
        longest_cm=(6, 42),
    )
    centres, radii = _sized_beads(q, count)
    lowest = -q["drop"] * RING

    def field(x, y, z):
        p = (x, y, z)
        thread = fields.ring((x, y, z / np.float32(q["drop"])), (0, 0, 0), RING, 0.026, axis=1)
        beads = [
            fields.ellipsoid(p, centre, (r, r, r * q["stretch"]))
            for centre, r in zip(centres, radii, strict=True)
        ]
        whole = fields.blend(0.012, fields.union(*beads), thread)
        if pendant:
            drop = fields.ellipsoid(p, (0, 0, lowest - radii[0] - 0.07), (0.09, 0.045, 0.1))
            whole = fields.blend(0.015, whole, drop)
        return whole

    margin = radii.max() * 1.15 + 0.035
    bottom = lowest - margin - (0.17 if pendant else 0)
    shape = level_set(
        field,
        (-RING - margin, -margin, bottom),
        (RING + margin, margin, margin - lowest),
        cells=42_000,
    )
    return Draft(
        surface=unwrap_front_back(*shape),
        noun="bead_string",
        material=pick(
            rng,
            (*("carnelian", "lapis", "jade", "faience"), *("gold", "terracotta", "silver", "wood")),
        ),
        longest_cm=q["longest_cm"],
        parameters=q | {"beads": count, "pendant": str(pendant)},
    )


def disc(rng: np.random.Generator) -> Draft:
    """A ritual disc or ring with a round hole, standing upright, diameter 1."""
    q = draw(rng, hole=(0.08, 0.4), half_thickness=(0.02, 0.07), longest_cm=(5, 30))
    hole, t = q["hole"], q["half_thickness"]
    edge = 0.25 * t
    side = np.array([(hole, edge - t), (hole + edge, -t), (0.5 - edge, -t), (0.5, edge - t)])
    loop = np.concatenate([side, side[::-1] * [1, -1], side[:1]])
    profile = np.concatenate([np.linspace(a, b, 6)[:-1] for a, b in itertools.pairwise(loop)])
    profile = np.concatenate([profile, profile[:1]])
    rows, around = int(rng.integers(2, 6)), int(rng.integers(12, 30))

    def groove(canvas: Canvas) -> np.ndarray:
        x, z = canvas.points[..., 0], canvas.points[..., 2] - 0.5
        level = (np.hypot(x, z) - hole) / (0.5 - hole) * rows
        turn = np.arctan2(z, x) / (2 * np.pi) * around + 0.5 * np.floor(level)
        grain = (2 * (turn % 1) - 1) ** 2 + (2 * (level % 1) - 1) ** 2
        return 0.45 * ((grain > 0.35) & (grain < 0.62)) * (np.abs(canvas.normals[..., 1]) > 0.7)

    turned = lathe(profile, columns=72)
    x, y, z = turned.vertices.T
    return Draft(
        surface=dataclasses.replace(turned, vertices=np.stack([x, -z, y], axis=-1)),
        noun="disc" if hole < 0.28 else "ring",
        motif="grains",
        material=pick(rng, ("jade", "jade", "jade", "marble", "bronze", "gold", "basalt")),
        longest_cm=q["longest_cm"],
        groove=groove,
        profile_volume=volume_of_revolution(profile),
        parameters=q | {"rows": rows, "grains": around},
    )


def dagger(rng: np.random.Generator) -> Draft:
    """A dagger with its point up: pommel, grip, guard and ridged blade lofted along z, height 1."""
    q = draw(
        rng,
        hilt=(0.24, 0.38),
        blade=(0.05, 0.11),
        belly=(-0.02, 0.035),
        guard=(0.07, 0.17),
        grip=(0.026, 0.04),
    )
    q |= draw(
        rng, pommel=(0.035, 0.075), curve=(0.0, 0.22), thickness=(0.014, 0.024), longest_cm=(18, 62)
    )
    hilt, blade, grip, t = q["hilt"], q["blade"], q["grip"], q["thickness"]
    middle = hilt + 0.45 * (1 - hilt)
    # Columns: height, half width, half thickness, and 1 where the section is a lozenge, not round.
    stations = [
        (0.0, 0.0, 0.0, 0),
        (0.012, 0.75 * q["pommel"], 0.6 * q["pommel"], 0),
        (0.04, q["pommel"], 0.8 * q["pommel"], 0),
        (0.075, grip, 0.9 * grip, 0),
        (0.5 * hilt + 0.02, 1.2 * grip, 1.0 * grip, 0),
        (hilt - 0.045, grip, 0.9 * grip, 0),
        (hilt - 0.03, q["guard"], 0.038, 0),
        (hilt, q["guard"], 0.036, 0),
        (hilt + 0.015, blade, t, 1),
        (middle, blade + q["belly"], t, 1),
        (0.5 + 0.5 * middle, 0.8 * blade + 0.5 * q["belly"], 0.9 * t, 1),
        (1.0, 0.0, 0.0, 1),
    ]
    track = np.array(stations)
    z = np.unique(np.concatenate([track[:, 0], np.linspace(0, 1, 64) ** 0.9]))
    curves = scipy.interpolate.PchipInterpolator(track[:, 0], track[:, 1:])(z)
    half_x, half_y, lozenge = (column[:, None] for column in curves.T)
    angle = 2 * np.pi * np.arange(40) / 40
    c, s = -np.sin(angle), np.cos(angle)
    pinch = np.abs(c) + np.abs(s)
    shrink = 1 / (1 + lozenge * (pinch - 1))
    bend = q["curve"] * (rng.random() < 0.5) * np.clip(z - hilt, 0, None)[:, None] ** 2
    rings = np.stack([half_x * c * shrink + bend, half_y * s * shrink, z[:, None] + 0 * c], -1)
    return Draft(
        surface=tube(rings),
        noun="dagger",
        material=pick(rng, ("bronze", "iron", "iron", "gold", "jade", "basalt")),
        lower=(pick(rng, ("wood", "gold", "bronze", "lapis", "lacquer")), hilt + 0.005),
        longest_cm=q["longest_cm"],
        parameters=q,
    )


def axe(rng: np.random.Generator) -> Draft:
    """An axe upright on its shaft, edge to the viewer's left; some have two edges."""
    q = draw(
        rng,
        reach=(0.2, 0.36),
        root=(0.05, 0.1),
        fan=(0.03, 0.22),
        shaft=(0.026, 0.038),
        at=(0.74, 0.82),
    )
    q |= draw(rng, cheek=(0.035, 0.055), longest_cm=(24, 90))
    double = rng.random() < 0.35
    at, reach = q["at"], q["reach"]

    def field(x, y, z):
        shaft = fields.limb((x, y, z), (0, 0, 0.04), (0, 0, 0.95), 1.1 * q["shaft"], q["shaft"])
        out = np.abs(x) if double else -x
        share = np.clip(out / np.float32(reach), 0, 1)
        tall = np.abs(z - np.float32(at)) - (q["root"] + q["fan"] * share**2)
        flat = np.abs(y) - (q["cheek"] + (0.012 - q["cheek"]) * share)
        edge = np.hypot(out, 0.8 * (z - np.float32(at))) - np.float32(reach)
        poll = -out - (0.0 if double else 0.07)
        head = np.maximum(np.maximum(tall, flat), np.maximum(edge, poll))
        return fields.blend(0.02, shaft, head)

    left, right = -reach - 0.04, (reach + 0.04 if double else 0.12)
    high = max(1.03, at + q["root"] + q["fan"] + 0.05)
    return Draft(
        surface=unwrap_front_back(
            *level_set(field, (left, -0.09, -0.04), (right, 0.09, high), cells=45_000)
        ),
        noun="double_axe" if double else "axe",
        material=pick(rng, ("bronze", "bronze", "iron", "iron", "basalt", "jade", "gold")),
        lower=("wood", at - q["root"] - 0.06),
        longest_cm=q["longest_cm"],
        parameters=q,
    )

"""Figures modelled as fields: people standing and seated, animals in profile, busts on a socle."""

from collections.abc import Callable

import numpy as np

from data_engine.procedural import fields
from data_engine.procedural.draft import Draft, draw, pick
from data_engine.procedural.surfaces import level_set, unwrap_front_back

CELLS = 60_000
STUFF = (
    "polychrome",
    "polychrome",
    "terracotta",
    "bronze",
    "marble",
    "jade",
    "basalt",
    "limestone",
    "sancai",
    "wood",
    "gold",
    "faience",
)


def _mirrored(p, *limbs) -> list[np.ndarray]:
    """Limbs given on the +x side, on both sides."""
    x, y, z = p
    return [fields.path((np.abs(x), y, z), points, radii) for points, radii in limbs]


def _plinth(p, half_x: float, half_y: float, top: float) -> np.ndarray:
    """A flat base on the ground."""
    return fields.box(p, (0, 0, top / 2), (half_x, half_y, top / 2), rounding=0.012)


def _figure(field: Callable, low, high, rng, **what) -> Draft:
    """A draft of a figure given as a field."""
    return Draft(
        surface=unwrap_front_back(*level_set(field, low, high, cells=what.pop("cells", CELLS))),
        material=what.pop("material", None) or pick(rng, STUFF),
        **what,
    )


_ARMS = {
    "folded": ((0.2, -0.02, -0.15), (0.03, -0.16, -0.11)),
    "raised": ((0.28, -0.02, -0.03), (0.3, -0.05, 0.17)),
    "offering": ((0.2, -0.04, -0.17), (0.06, -0.24, -0.12)),
    "lowered": ((0.22, 0.0, -0.16), (0.21, -0.03, -0.3)),
}
"""Elbow and hand relative to the middle between the shoulders."""


def _head(p, at: float, headdress: str, size: float) -> list[np.ndarray]:
    """Head, nose and what is worn on it, centred at height `at`."""
    parts = [
        fields.ellipsoid(p, (0, 0, at), (0.085 * size, 0.095 * size, 0.115 * size)),
        fields.limb(p, (0, -0.09 * size, at + 0.02), (0, -0.1 * size, at - 0.02), 0.01, 0.017),
    ]
    top = at + 0.09 * size
    worn = {
        "bun": lambda: fields.sphere(p, (0, 0.02, top + 0.05), 0.055),
        "crown": lambda: fields.limb(p, (0, 0, top - 0.01), (0, 0, top + 0.06), 0.07, 0.09),
        "veil": lambda: fields.limb(
            p, (0, 0.035, at + 0.03), (0, 0.06, at - 0.2), 0.1 * size, 0.11
        ),
        "cone": lambda: fields.limb(p, (0, 0, top - 0.01), (0, 0.01, top + 0.15), 0.08, 0.025),
        "bare": lambda: fields.sphere(p, (0, 0.01, at + 0.02), 0.09 * size),
    }
    return [*parts, worn[headdress]()]


def standing(rng: np.random.Generator) -> Draft:
    """A person on a plinth, robed or striding, about 1 high."""
    q = draw(
        rng,
        hem=(0.13, 0.24),
        waist=(0.085, 0.13),
        flat=(0.68, 0.9),
        shoulders=(0.1, 0.15),
        head=(0.9, 1.2),
    )
    q |= draw(rng, longest_cm=(8, 46))
    arms, headdress = pick(rng, tuple(_ARMS)), pick(rng, ("bun", "crown", "veil", "cone", "bare"))
    robed = rng.random() < 0.7
    elbow, hand = (np.add(joint, (0, 0, 0.61)) for joint in _ARMS[arms])
    arm = [(q["shoulders"] + 0.03, 0, 0.61), elbow, hand]

    def field(x, y, z):
        p, thick = (x, y, z), (x, y / np.float32(q["flat"]), z)
        if robed:
            lower = [fields.limb(thick, (0, 0, 0.08), (0, 0, 0.45), q["hem"], q["waist"])]
        else:
            lower = _mirrored(
                p, ([(0.075, 0, 0.06), (0.07, 0, 0.25), (0.055, 0, 0.45)], [0.05, 0.055, 0.075])
            )
        torso = fields.limb(thick, (0, 0, 0.42), (0, 0, 0.58), q["waist"], 0.115)
        yoke = fields.limb(thick, (-q["shoulders"], 0, 0.6), (q["shoulders"], 0, 0.6), 0.065, 0.065)
        neck = fields.limb(p, (0, 0, 0.62), (0, 0, 0.74), 0.05, 0.045)
        body = fields.blend(
            0.06, torso, yoke, neck, *lower, *_mirrored(p, (arm, [0.055, 0.045, 0.04]))
        )
        whole = fields.blend(0.025, body, *_head(p, 0.66 + 0.135 * q["head"], headdress, q["head"]))
        if arms == "offering":
            whole = fields.blend(
                0.02, whole, fields.ellipsoid(p, (0, -0.24, 0.53), (0.09, 0.09, 0.06))
            )
        base = _plinth(p, q["hem"] + 0.04, q["hem"] * q["flat"] + 0.04, 0.07)
        return np.maximum(fields.blend(0.02, whole, base), np.float32(0.001) - z)

    wide = 0.38 if arms == "raised" else max(0.29, q["hem"] + 0.08)
    return _figure(
        field,
        (-wide, -0.38, -0.03),
        (wide, 0.3, 1.16),
        rng,
        noun="standing_figure",
        longest_cm=q["longest_cm"],
        parameters=q | {"arms": arms, "headdress": headdress, "robed": str(robed)},
    )


def seated(rng: np.random.Generator) -> Draft:
    """A person sitting cross-legged on a base, hands in the lap."""
    q = draw(
        rng,
        knees=(0.24, 0.36),
        torso=(0.36, 0.5),
        waist=(0.12, 0.18),
        head=(1.0, 1.35),
        longest_cm=(8, 60),
    )
    headdress = pick(rng, ("bun", "crown", "bare", "cone"))
    base, shoulders = 0.1, 0.1 + q["torso"]
    seat = base + 0.08

    def field(x, y, z):
        p = (x, y, z)
        torso = fields.limb(
            (x, y / np.float32(0.75), z),
            (0, 0.03, seat),
            (0, 0.03, shoulders - 0.06),
            q["waist"],
            q["waist"] + 0.01,
        )
        legs, arm = _mirrored(
            p,
            (
                [(0.08, 0.04, seat), (q["knees"], -0.06, seat), (0.0, -0.2, seat - 0.01)],
                [0.1, 0.085, 0.06],
            ),
            (
                [
                    (q["waist"] + 0.04, 0.03, shoulders - 0.05),
                    (q["waist"] + 0.1, -0.02, seat + 0.12),
                    (0.0, -0.15, seat + 0.09),
                ],
                [0.055, 0.05, 0.045],
            ),
        )
        neck = fields.limb(p, (0, 0.02, shoulders - 0.05), (0, 0, shoulders + 0.1), 0.07, 0.055)
        body = fields.blend(0.05, torso, legs, arm, neck)
        head = _head(p, shoulders + 0.04 + 0.12 * q["head"], headdress, q["head"])
        stand = _plinth(p, q["knees"] + 0.12, 0.3, base)
        return np.maximum(fields.blend(0.025, body, stand, *head), np.float32(0.001) - z)

    wide = q["knees"] + 0.16
    high = shoulders + 0.04 + 0.24 * q["head"] + 0.2
    return _figure(
        field,
        (-wide, -0.35, -0.03),
        (wide, 0.35, high),
        rng,
        noun="seated_figure",
        longest_cm=q["longest_cm"],
        parameters=q | {"headdress": headdress},
    )


def _horns(p, species: str, crown: np.ndarray) -> list[np.ndarray]:
    """Ears and horns about the top of the head."""
    x, y, z = p
    sided = (x, np.abs(y), z)
    cx, _, cz = crown
    if species == "horse":
        return [fields.limb(sided, (cx, 0.03, cz), (cx + 0.01, 0.045, cz + 0.1), 0.028, 0.014)]
    if species == "bull":
        points = [(cx, 0.03, cz + 0.03), (cx, 0.12, cz + 0.06), (cx - 0.03, 0.14, cz + 0.16)]
        return [fields.path(sided, points, [0.035, 0.03, 0.018])]
    return [fields.ring(sided, (cx + 0.03, 0.07, cz - 0.02), 0.065, 0.028, axis=1)]


def _back(q: dict) -> float:
    """Height of an animal's back."""
    return 0.07 + q["leg"] + q["girth"]


def _beast(q: dict, species: str, nape: np.ndarray, muzzle: np.ndarray, *, saddled: bool):
    """Signed distance of an animal on its plinth; `q` holds its proportions."""
    back = _back(q)
    crown = np.add(nape, (-0.02, 0, 0.06))

    def field(x, y, z):
        p, sided = (x, y, z), (x, np.abs(y), z)
        trunk = fields.limb(
            p, (-q["length"], 0, back), (q["length"], 0, back), q["girth"], 1.05 * q["girth"]
        )
        legs = [
            fields.path(
                sided,
                [
                    (s * q["length"], 0.075, back - 0.04),
                    (s * q["length"] + 0.02, 0.085, 0.07 + 0.5 * q["leg"]),
                    (s * q["length"], 0.085, 0.06),
                ],
                [0.08, 0.05, 0.045],
            )
            for s in (-1, 1)
        ]
        neck = fields.limb(p, (-q["length"] + 0.02, 0, back + 0.03), nape, q["girth"], 0.075)
        head = fields.limb(p, nape, muzzle, 0.08, 0.05)
        tail = fields.limb(
            p, (q["length"] + 0.1, 0, back + 0.05), (q["length"] + 0.17, 0, back - 0.2), 0.04, 0.025
        )
        whole = fields.blend(0.05, trunk, neck, head, tail, *legs)
        if saddled:
            whole = fields.blend(
                0.01,
                whole,
                fields.ellipsoid(p, (0, 0, back + 0.07), (0.13, q["girth"] + 0.02, 0.09)),
            )
        whole = fields.blend(0.02, whole, *_horns(p, species, crown))
        return np.maximum(
            fields.blend(0.02, whole, _plinth(p, q["length"] + 0.14, 0.17, 0.06)),
            np.float32(0.001) - z,
        )

    return field


def animal(rng: np.random.Generator) -> Draft:
    """A horse, bull or ram in profile on a plinth, head to the viewer's left."""
    species = pick(rng, ("horse", "bull", "ram"))
    q = draw(
        rng,
        length=(0.24, 0.34),
        girth=(0.115, 0.165),
        leg=(0.24, 0.4),
        neck=(0.14, 0.3),
        longest_cm=(8, 70),
    )
    back = _back(q)
    rise = q["neck"] if species == "horse" else 0.5 * q["neck"]
    nape = np.array([-q["length"] - 0.1, 0, back + 0.06 + rise])
    muzzle = np.add(nape, (-0.17, 0, -0.1))
    saddled = species == "horse" and rng.random() < 0.6

    material = pick(
        rng,
        (
            "sancai",
            "terracotta",
            "bronze",
            "bronze",
            "gold",
            "grey_clay",
            "jade",
            "faience",
            "wood",
            "marble",
        ),
    )
    return _figure(
        _beast(q, species, nape, muzzle, saddled=saddled),
        (min(muzzle[0], nape[0] - 0.13) - 0.09, -0.25, -0.03),
        (q["length"] + 0.24, 0.25, max(nape[2] + 0.26, back + q["girth"] + 0.1)),
        rng,
        noun=species,
        material=material,
        longest_cm=q["longest_cm"],
        parameters=q | {"saddled": str(saddled)},
        cells=50_000,
    )


def figurine(rng: np.random.Generator) -> Draft:
    """A person, standing or seated."""
    return standing(rng) if rng.random() < 0.6 else seated(rng)


def _face(p, q: dict[str, float]) -> np.ndarray:
    """Skull, jaw, nose, brow, eyes, lips and ears of a life-like head."""
    x, y, z = p
    m = (np.abs(x), y, z)
    skull = fields.ellipsoid(p, (0, 0.01, 0.73), (q["skull"], 0.165, 0.18))
    jaw = fields.ellipsoid(p, (0, -0.055, 0.635), (q["jaw"], 0.1, 0.1))
    head = fields.blend(0.06, skull, jaw)
    head = fields.carve(0.03, head, fields.ellipsoid(m, (0.06, -0.175, 0.745), (0.045, 0.04, 0.03)))
    nose = fields.limb(p, (0, -0.155, 0.76), (0, -0.158 - q["nose"], 0.68), 0.014, 0.024)
    brow = fields.limb(m, (0.02, -0.155, 0.785), (0.1, -0.125, 0.78), 0.018, 0.018)
    eye = fields.ellipsoid(m, (0.058, -0.135, 0.745), (0.034, 0.028, 0.018))
    lips = fields.ellipsoid(p, (0, -0.148, 0.622), (0.045, 0.02, 0.011))
    under = fields.ellipsoid(p, (0, -0.145, 0.598), (0.036, 0.02, 0.011))
    ear = fields.ellipsoid(m, (q["skull"] + 0.005, 0.015, 0.705), (0.02, 0.035, 0.05))
    return fields.blend(0.015, head, nose, brow, eye, lips, under, ear)


def _hair(p, style: str, curl: float, skull: float) -> list[np.ndarray]:
    """Hair, beard and headgear."""
    x, y, z = p
    curls = np.float32(curl) * np.sin(46 * x) * np.sin(46 * y + 1) * np.sin(46 * z)
    cap = fields.ellipsoid(p, (0, 0.03, 0.765), (skull + 0.022, 0.17, 0.172)) + curls
    cap = fields.carve(0.02, cap, fields.ellipsoid(p, (0, -0.2, 0.685), (0.15, 0.14, 0.13)))
    beard = fields.ellipsoid(p, (0, -0.095, 0.56), (0.085, 0.085, 0.1)) + curls
    extra = {
        "curls": [],
        "beard": [beard],
        "bun": [fields.sphere(p, (0, 0.2, 0.8), 0.075)],
        "diadem": [fields.ring(p, (0, 0.03, 0.83), 0.135, 0.026, axis=2)],
        "helmet": [fields.box(p, (0, 0.04, 0.93), (0.018, 0.17, 0.07), rounding=0.015)],
        "long": [fields.limb(p, (0, 0.1, 0.72), (0, 0.12, 0.48), 0.14, 0.1) + curls],
    }
    return [cap, *extra[style]]


def bust(rng: np.random.Generator) -> Draft:
    """Head and shoulders on a turned socle, about 1 high."""
    q = draw(
        rng,
        skull=(0.118, 0.145),
        jaw=(0.075, 0.105),
        nose=(0.0, 0.025),
        curl=(0.0, 0.012),
        chest=(0.24, 0.34),
    )
    q |= draw(rng, socle=(0.1, 0.17), longest_cm=(18, 75))
    style = pick(rng, ("curls", "beard", "bun", "diadem", "helmet", "long"))
    socle = np.array(
        [
            (0, 0),
            (q["socle"], 0),
            (q["socle"], 0.045),
            (0.07, 0.08),
            (0.07, 0.15),
            (0.11, 0.19),
            (0, 0.24),
        ]
    )

    def field(x, y, z):
        p = (x, y, z)
        chest = fields.ellipsoid(p, (0, 0.01, 0.31), (q["chest"], 0.165, 0.17))
        chest = np.maximum(chest, np.float32(0.17) - z + 0.8 * x * x)
        neck = fields.limb(p, (0, 0.02, 0.36), (0, -0.01, 0.6), 0.095, 0.08)
        trunk = fields.blend(0.06, chest, neck)
        head = fields.blend(0.02, _face(p, q), *_hair(p, style, q["curl"], q["skull"]))
        whole = fields.blend(0.03, trunk, head, fields.revolve(p, socle))
        return np.maximum(whole, np.float32(0.001) - z)

    wide = q["chest"] + 0.05
    return _figure(
        field,
        (-wide, -0.29, -0.03),
        (wide, 0.32, 1.05),
        rng,
        noun="bust",
        material=pick(
            rng,
            ("marble", "marble", "limestone", "bronze", "granite", "basalt", "terracotta", "gold"),
        ),
        longest_cm=q["longest_cm"],
        parameters=q | {"style": style},
        cells=75_000,
    )

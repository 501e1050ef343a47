"""Vessels: turned on the wheel where a profile says it all, modelled as fields where limbs join."""

import numpy as np

from data_engine.procedural import fields
from data_engine.procedural.draft import Draft, draw, pick
from data_engine.procedural.motifs import PATTERNS
from data_engine.procedural.surfaces import (
    lathe,
    level_set,
    smooth_curve,
    unwrap_around,
    volume_of_revolution,
)

CERAMICS = (
    *("terracotta", "buff_clay", "grey_clay", "black_slip", "celadon", "blue_white"),
    *("ox_blood", "sancai", "faience"),
)
PLAIN_LOOKING = ("celadon", "sancai", "ox_blood", "bronze", "jade", "marble", "wood", "gold")
"""Stuff that is left unpainted more often than not."""

PROFILE_ROWS, COLUMNS = 56, 64
CELLS = 50_000


def _motif(rng: np.random.Generator, material: str) -> str:
    """An ornament that suits the material, often none."""
    bare = rng.random() < (0.75 if material in PLAIN_LOOKING else 0.1)
    return "plain" if bare else pick(rng, tuple(PATTERNS))


def _band(rng: np.random.Generator, middle: float) -> tuple[float, float]:
    """Heights of the painted band around a middle."""
    half = rng.uniform(0.05, 0.13)
    return round(middle - half, 4), round(middle + half, 4)


def _hollow(outer: np.ndarray, *, wall: float, floor: float) -> np.ndarray:
    """Closes an outer profile [k, 2] by its inner wall, a level step inside, down to the floor."""
    inner = outer[::-1] - [wall, 0]
    inner = inner[(inner[:, 1] > floor) & (inner[:, 0] > 0)]
    return np.concatenate([[[0, 0]], outer, inner, [[0, floor]]])


def _turned(profile, rng, *, noun, material, middle, longest_cm, parameters, lobes=0, depth=0.0):
    """A draft of a lathe whose volume is known from its profile."""
    profile = smooth_curve(profile, PROFILE_ROWS)
    return Draft(
        surface=lathe(profile, columns=COLUMNS, lobes=lobes, lobe_depth=depth),
        noun=noun,
        material=material,
        longest_cm=longest_cm,
        motif=_motif(rng, material),
        band=_band(rng, middle),
        profile_volume=volume_of_revolution(profile) * (1 + depth**2 / 2),
        parameters=parameters | {"lobes": lobes, "lobe_depth": depth},
    )


def bowl(rng: np.random.Generator) -> Draft:
    """A bowl on a ring foot: the wall opens as a power of height, sometimes lobed like a flower."""
    q = draw(rng, rim=(0.36, 0.5), height=(0.2, 0.55), foot=(0.12, 0.24), rise=(0.3, 1.1))
    q |= draw(rng, lip=(-0.03, 0.05), wall=(0.025, 0.045), longest_cm=(9, 38))
    t = np.linspace(0, 1, 9)
    foot_height = 0.09 * q["height"]
    wall = np.stack(
        [
            q["foot"] * 0.9 + (q["rim"] - 0.9 * q["foot"]) * t ** q["rise"] + q["lip"] * t**8,
            foot_height + (q["height"] - foot_height) * t,
        ],
        axis=-1,
    )
    outer = np.concatenate([[[q["foot"], 0], [q["foot"], foot_height * 0.7]], wall])
    lobes, depth = (int(rng.integers(5, 13)), 0.04) if rng.random() < 0.3 else (0, 0.0)
    material = pick(rng, (*CERAMICS, "jade", "wood", "lacquer", "gold", "silver"))
    profile = _hollow(outer, wall=q["wall"], floor=foot_height + q["wall"])
    return _turned(
        profile,
        rng,
        noun="lobed_bowl" if lobes else "bowl",
        material=material,
        middle=0.68,
        longest_cm=q["longest_cm"],
        parameters=q,
        lobes=lobes,
        depth=depth,
    )


def bottle_vase(rng: np.random.Generator) -> Draft:
    """A hollow vase: foot, belly, narrow neck, mouth that may flare or close like a garlic bulb."""
    q = draw(rng, belly=(0.17, 0.36), belly_at=(0.24, 0.5), neck=(0.055, 0.12), foot=(0.1, 0.2))
    q |= draw(rng, neck_from=(0.58, 0.74), mouth=(0.07, 0.2), bulb=(0.0, 0.07), longest_cm=(14, 52))
    outer = [
        (q["foot"], 0),
        (q["foot"] * 0.96, 0.05),
        (0.5 * (q["foot"] + q["belly"]), 0.45 * q["belly_at"]),
        (q["belly"], q["belly_at"]),
        (0.62 * q["belly"] + 0.38 * q["neck"], 0.5 * (q["belly_at"] + q["neck_from"]) + 0.02),
        (q["neck"], q["neck_from"]),
        (q["neck"], 0.5 * (q["neck_from"] + 0.9)),
        (q["neck"] + q["bulb"], 0.91),
        (max(q["mouth"], q["neck"] + 0.2 * q["bulb"]), 1.0),
    ]
    lobed = rng.random() < 0.25
    lobes, depth = (int(rng.integers(6, 15)), 0.035) if lobed else (0, 0.0)
    return _turned(
        _hollow(smooth_curve(outer, 40), wall=0.026, floor=0.05),
        rng,
        noun="lobed_vase" if lobes else "bottle_vase",
        material=pick(rng, (*CERAMICS, "bronze", "jade", "silver", "lacquer")),
        middle=q["belly_at"],
        longest_cm=q["longest_cm"],
        parameters=q,
        lobes=lobes,
        depth=depth,
    )


def lidded_jar(rng: np.random.Generator) -> Draft:
    """A jar with its lid on, one closed solid: the wheel never sees the inside."""
    q = draw(rng, belly=(0.24, 0.42), belly_at=(0.3, 0.52), foot=(0.14, 0.26), mouth=(0.13, 0.22))
    q |= draw(rng, lid_at=(0.64, 0.78), brim=(0.01, 0.06), knob=(0.03, 0.07), longest_cm=(12, 48))
    lid, top = q["lid_at"], 1 - 2.2 * q["knob"]
    outer = [
        (0, 0),
        (q["foot"], 0),
        (q["foot"] * 0.95, 0.05),
        (q["belly"], q["belly_at"]),
        (0.55 * q["belly"] + 0.45 * q["mouth"], 0.5 * (q["belly_at"] + lid) + 0.03),
        (q["mouth"], lid - 0.04),
        (q["mouth"] - 0.005, lid - 0.01),
        (q["mouth"] + q["brim"], lid),
        (q["mouth"] + q["brim"], lid + 0.03),
        (q["mouth"] * 0.8, 0.6 * lid + 0.4 * top),
        (q["knob"] * 0.7, top),
        (q["knob"] * 0.55, top + 0.5 * q["knob"]),
        (q["knob"], top + 1.3 * q["knob"]),
        (q["knob"] * 0.7, top + 2 * q["knob"]),
        (0, 1.0),
    ]
    return _turned(
        outer,
        rng,
        noun="lidded_jar",
        material=pick(rng, (*CERAMICS, "bronze", "marble", "lacquer", "gold")),
        middle=q["belly_at"],
        longest_cm=q["longest_cm"],
        parameters=q,
    )


def _modelled(
    field, low, high, rng, *, noun, material, middle, longest_cm, parameters, cells=CELLS
) -> Draft:
    """A draft of a vessel given as a field."""
    return Draft(
        surface=unwrap_around(*level_set(field, low, high, cells=cells)),
        noun=noun,
        material=material,
        longest_cm=longest_cm,
        motif=_motif(rng, material),
        band=_band(rng, middle),
        parameters=parameters,
    )


def _bend(start, middle, end, count: int = 7) -> np.ndarray:
    """Points on a quadratic Bezier curve, [count, 3]."""
    t = np.linspace(0, 1, count)[:, None]
    start, middle, end = (np.asarray(q, dtype=float) for q in (start, middle, end))
    return (1 - t) ** 2 * start + 2 * t * (1 - t) * middle + t**2 * end


def amphora(rng: np.random.Generator) -> Draft:
    """A tall jar with a deep neck and two handles from neck to shoulder."""
    q = draw(rng, belly=(0.19, 0.36), belly_at=(0.42, 0.62), neck=(0.085, 0.13), foot=(0.05, 0.16))
    q |= draw(rng, lip=(0.015, 0.06), reach=(0.04, 0.16), grip=(0.022, 0.034), longest_cm=(22, 95))
    belly, neck, lip = q["belly"], q["neck"], q["neck"] + q["lip"]
    profile = [(0, 0), (q["foot"], 0), (q["foot"], 0.03), (0.75 * q["foot"], 0.07)]
    profile += [(belly, q["belly_at"]), (neck * 1.05, 0.78), (neck, 0.86), (lip, 0.965)]
    profile += [(lip, 1.0), (neck - 0.02, 1.0), (neck - 0.035, 0.85), (0, 0.74)]
    profile = smooth_curve(profile, 48)
    shoulder = 0.5 * (q["belly_at"] + 0.76)
    root = np.interp(shoulder, profile[:30, 1], profile[:30, 0])
    out = max(root, neck) + q["reach"]
    handle = _bend((neck, 0, 0.9), (2 * out - 0.5 * (neck + root), 0, 0.97), (root, 0, shoulder))

    def field(x, y, z):
        arms = fields.path((np.abs(x), y, z), handle, np.full(len(handle), q["grip"]))
        return fields.blend(0.03, fields.revolve((x, y, z), profile), arms)

    wide = max(belly, handle[:, 0].max() + q["grip"], lip) + 0.03
    deep = max(belly, lip) + 0.03
    return _modelled(
        field,
        (-wide, -deep, -0.03),
        (wide, deep, 1.03),
        rng,
        noun="amphora",
        material=pick(rng, (*CERAMICS[:4], "black_slip", "terracotta", "bronze", "faience")),
        middle=q["belly_at"],
        longest_cm=q["longest_cm"],
        parameters=q,
    )


def ewer(rng: np.random.Generator) -> Draft:
    """A pouring vessel: spout to the viewer's left, handle to the right."""
    q = draw(rng, belly=(0.2, 0.33), belly_at=(0.24, 0.45), neck=(0.07, 0.12), foot=(0.1, 0.18))
    q |= draw(rng, rise=(0.58, 0.92), reach=(0.12, 0.24), flare=(0.01, 0.07), longest_cm=(12, 42))
    belly, neck, at = q["belly"], q["neck"], q["belly_at"]
    profile = [(0, 0), (q["foot"], 0), (q["foot"] * 0.9, 0.06), (belly, at), (neck, 0.72)]
    profile += [(neck, 0.82), (neck + q["flare"], 0.98), (neck + q["flare"] - 0.015, 1.0)]
    profile = smooth_curve([*profile, (neck - 0.03, 0.98), (neck - 0.04, 0.84), (0, 0.74)], 44)
    tip = -(belly + q["reach"])
    spout = _bend((-0.85 * belly, 0, at), (0.92 * tip, 0, at), (tip, 0, q["rise"]), 6)
    far = 2 * (belly + q["reach"]) - 0.5 * (neck + belly)
    handle = _bend((neck, 0, 0.88), (far, 0, 0.86), (0.93 * belly, 0, at + 0.02))

    def field(x, y, z):
        p = (x, y, z)
        body = fields.blend(
            0.04,
            fields.revolve(p, profile),
            fields.path(p, spout, np.linspace(0.065, 0.04, len(spout))),
            fields.path(p, handle, np.full(len(handle), 0.028)),
        )
        return fields.carve(0.01, body, fields.sphere(p, spout[-1] + [0, 0, 0.035], 0.026))

    deep = belly + 0.04
    right = handle[:, 0].max() + 0.06
    return _modelled(
        field,
        (tip - 0.07, -deep, -0.03),
        (right, deep, 1.03),
        rng,
        noun="ewer",
        material=pick(rng, (*CERAMICS, "silver", "gold", "bronze")),
        middle=at,
        longest_cm=q["longest_cm"],
        parameters=q,
    )


def ding(rng: np.random.Generator) -> Draft:
    """A ritual cauldron: thick round bowl on three legs, two upright loop handles on the rim."""
    q = draw(
        rng, belly=(0.32, 0.46), depth=(0.26, 0.42), leg=(0.26, 0.42), leg_radius=(0.045, 0.075)
    )
    q |= draw(rng, splay=(0.6, 0.85), handle=(0.07, 0.1), ribs=(0.0, 0.018), longest_cm=(14, 70))
    floor, belly, rim = q["leg"], q["belly"], q["leg"] + q["depth"]
    wall = 0.055
    outer = [(0, floor - 0.02), (0.55 * belly, floor), (belly, floor + 0.45 * q["depth"])]
    outer += [(0.93 * belly, rim - 0.04), (1.02 * belly, rim - 0.03), (1.02 * belly, rim)]
    inner = [(0.93 * belly - wall, rim), (belly - wall, floor + 0.5 * q["depth"])]
    profile = smooth_curve([*outer, *inner, (0.5 * belly, floor + 0.06), (0, floor + 0.05)], 48)
    count, bosses = 3, int(rng.integers(6, 13))
    turns = 2 * np.pi * (np.arange(count) / count + 0.25)
    hips = q["splay"] * belly

    def field(x, y, z):
        p = (x, y, z)
        bowl = fields.revolve(p, profile)
        ridge = np.cos(bosses * np.arctan2(y, x)) * np.exp(
            -(((z - floor - 0.4 * q["depth"]) / 0.09) ** 2)
        )
        parts = [bowl - np.float32(q["ribs"]) * np.maximum(ridge, 0)]
        for turn in turns:
            c, s = np.cos(turn), np.sin(turn)
            top, foot = (
                (hips * c, hips * s, floor + 0.05),
                (1.08 * hips * c, 1.08 * hips * s, 0.035),
            )
            parts.append(fields.limb(p, top, foot, 1.25 * q["leg_radius"], 0.8 * q["leg_radius"]))
        solid = fields.blend(0.03, *parts)
        loop = (np.abs(x), y, z)
        centre = (0.93 * belly, 0, rim + 0.3 * q["handle"])
        ear = fields.ring(loop, centre, q["handle"], 0.026, axis=0)
        solid = fields.blend(0.015, solid, ear)
        return np.maximum(solid, np.float32(0.001) - z)

    reach = max(1.05 * belly, 1.08 * hips + q["leg_radius"]) + 0.05
    high = rim + 1.3 * q["handle"] + 0.05
    material = pick(rng, ("bronze", "bronze", "bronze", "grey_clay", "gold", "iron"))
    return _modelled(
        field,
        (-reach, -reach, -0.04),
        (reach, reach, high),
        rng,
        noun="ding",
        material=material,
        middle=(floor + 0.45 * q["depth"]) / high,
        longest_cm=q["longest_cm"],
        parameters=q | {"bosses": bosses},
        cells=36_000,
    )


def bell(rng: np.random.Generator) -> Draft:
    """A clapperless bell: hollow, oval in section, studded, with a loop to hang it by."""
    q = draw(rng, mouth=(0.26, 0.38), crown=(0.18, 0.27), oval=(0.6, 0.95), boss=(0.018, 0.032))
    q |= draw(rng, loop=(0.08, 0.12), stem=(0.01, 0.08), longest_cm=(10, 60))
    mouth, crown, body = q["mouth"], q["crown"], 0.72
    profile = [(0, body), (crown * 0.92, body), (crown, body - 0.03), (0.5 * (crown + mouth), 0.34)]
    profile += [(mouth, 0.0), (mouth - 0.055, 0.0), (0.5 * (crown + mouth) - 0.06, 0.33)]
    profile = smooth_curve([*profile, (crown - 0.06, body - 0.09), (0, body - 0.07)], 44)
    rows, around = int(rng.integers(2, 4)), int(rng.integers(8, 15))

    def field(x, y, z):
        y = y / np.float32(q["oval"])
        shell = fields.revolve((x, y, z), profile) * np.float32(q["oval"])
        turn = (np.arctan2(y, x) * around / (2 * np.pi)) % 1 - 0.5
        parts = [shell]
        for row in range(rows):
            level = 0.42 + 0.1 * row
            radius = np.interp(level, [0, body], [mouth, crown])
            along = turn * np.float32(2 * np.pi * radius / around)
            out = np.hypot(x, y) - np.float32(radius)
            parts.append(np.sqrt(along**2 + out**2 + (z - level) ** 2) - q["boss"])
        top = body + q["stem"] + 0.8 * q["loop"]
        parts.append(fields.ring((x, y, z), (0, 0, top), q["loop"], 0.03, axis=1))
        parts.append(
            fields.limb((x, y, z), (0, 0, body - 0.02), (0, 0, body + q["stem"]), 0.05, 0.05)
        )
        return fields.blend(0.015, *parts)

    high = body + q["stem"] + 1.8 * q["loop"] + 0.07
    reach = mouth + 0.05
    return _modelled(
        field,
        (-reach, -reach * q["oval"] - 0.02, -0.04),
        (reach, reach * q["oval"] + 0.02, high),
        rng,
        noun="bell",
        material=pick(rng, ("bronze", "bronze", "iron", "gold")),
        middle=0.12,
        longest_cm=q["longest_cm"],
        parameters=q | {"boss_rows": rows, "bosses": around},
        cells=30_000,
    )

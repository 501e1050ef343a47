"""Relics whose meaning is their relief: coin, cylinder seal, inscribed tablet, mask."""

import numpy as np

from data_engine.procedural import stamps
from data_engine.procedural.canvas import Canvas
from data_engine.procedural.draft import Draft, draw, pick
from data_engine.procedural.surfaces import plate, tube

COLUMNS = 96


def _upright(rings: np.ndarray) -> np.ndarray:
    """Tips rings made about the z axis so that their top faces the front, -y."""
    x, y, z = np.moveaxis(rings, -1, 0)
    return np.stack([x, -z, y], axis=-1)


def _coin_face(rng: np.random.Generator, device: str, hole: float) -> np.ndarray:
    """The relief of one side: a device, or four signs around the hole, within a border."""
    page = stamps.Page()
    page.ellipse((0, 0), (0.99, 0.99))
    page.ellipse((0, 0), (0.9, 0.9), 0)
    if hole:
        half = 2 * hole + 0.07
        page.polygon([(-half, -half), (half, -half), (half, half), (-half, half)])
        middle, size = 0.5 * (half + 0.9), 0.42 * (0.9 - half)
        for x, y in ((0, middle), (0, -middle), (middle, 0), (-middle, 0)):
            stamps.sign(page, x, y, size, rng)
    else:
        stamps.STAMPS[device](page, 0, 0, 0.68, rng)
        for turn in 2 * np.pi * np.arange(40) / 40:
            page.ellipse((0.82 * np.cos(turn), 0.82 * np.sin(turn)), (0.03, 0.03), 220)
    return page.heights()


def coin(rng: np.random.Generator) -> Draft:
    """A struck or cast coin on its edge, diameter 1, plain or with a square hole."""
    q = draw(
        rng,
        half_thickness=(0.022, 0.05),
        relief=(0.012, 0.026),
        wobble=(0.0, 0.02),
        longest_cm=(1.6, 5.2),
    )
    hole = round(float(rng.uniform(0.08, 0.14)), 4) if rng.random() < 0.5 else 0.0
    device, reverse = (pick(rng, tuple(stamps.STAMPS)) for _ in range(2))
    obverse_page, reverse_page = _coin_face(rng, device, hole), _coin_face(rng, reverse, hole)
    angle = 2 * np.pi * (np.arange(COLUMNS) / COLUMNS - 0.25)
    c, s = np.cos(angle), np.sin(angle)
    inner = hole / np.maximum(np.abs(c), np.abs(s))
    outer = 0.5 * (1 + q["wobble"] * np.cos(3 * angle + rng.uniform(0, 6)))
    t = np.linspace(0, 1, 20)[:, None]
    radius = inner + (outer - inner) * t
    x, y = radius * c, radius * s
    # The field of each side lies one relief lower than its border.
    top = q["half_thickness"] + q["relief"] * (stamps.look_up(obverse_page, 2 * x, 2 * y) - 1)
    bottom = q["half_thickness"] + q["relief"] * (stamps.look_up(reverse_page, -2 * x, 2 * y) - 1)
    front, back = np.stack([x, y, top], -1), np.stack([x, y, -bottom], -1)
    edge = np.stack([outer * 1.008 * c, outer * 1.008 * s, 0 * c], -1)[None]
    rows = [back, edge, front[::-1]]
    if hole:
        rows.append(back[:1])
    surface = tube(_upright(np.concatenate(rows)))

    def groove(canvas: Canvas) -> np.ndarray:
        x, z = 2 * canvas.points[..., 0], 2 * canvas.points[..., 2] - 1
        ahead = stamps.look_up(obverse_page, x, z)
        behind = stamps.look_up(reverse_page, -x, z)
        return 0.6 * (1 - np.where(canvas.normals[..., 1] < 0, ahead, behind))

    return Draft(
        surface=surface,
        noun="cash_coin" if hole else "coin",
        material=pick(rng, ("bronze", "bronze", "silver", "gold", "iron")),
        longest_cm=q["longest_cm"],
        motif="signs" if hole else device,
        band=(0, 0),
        groove=groove,
        parameters=q | {"hole": hole, "device": device, "reverse": reverse},
    )


def cylinder_seal(rng: np.random.Generator) -> Draft:
    """A drilled stone cylinder with a scene cut into its wall, height 1."""
    q = draw(
        rng,
        radius=(0.17, 0.34),
        bore=(0.03, 0.07),
        depth=(0.018, 0.032),
        waist=(-0.05, 0.02),
        longest_cm=(1.8, 5.0),
    )
    # The page holds the whole turn, in units of half the height.
    width = 2 * np.pi * q["radius"]
    page, count = stamps.Page(width), int(rng.integers(2, 5))
    for k in range(count):
        figure = stamps.FIGURES[int(rng.integers(len(stamps.FIGURES)))]
        figure(page, width * ((2 * k + 1) / count - 1), 0, min(0.68, 1.5 * width / count), rng)
    for rule in (-0.8, 0.8):
        page.line((-width, rule), (width, rule), 0.05)
    heights = page.heights()
    z = np.linspace(0.0, 1.0, 46)[:, None]
    turn = np.arange(COLUMNS) / COLUMNS
    scene = stamps.look_up(heights, *np.broadcast_arrays(2 * turn - 1, 2 * z - 1))
    radius = q["radius"] * (1 + q["waist"] * (1 - (2 * z - 1) ** 2)) - q["depth"] * scene
    ends = np.full((1, COLUMNS), q["bore"])
    radius = np.concatenate([ends, 0.94 * radius[:1], radius, 0.94 * radius[-1:], ends, ends])
    z = np.concatenate([[[0.0], [0.0]], 0.015 + 0.97 * z, [[1.0], [1.0], [0.0]]])
    angle = 2 * np.pi * turn
    rings = np.stack([-radius * np.sin(angle), radius * np.cos(angle), z + 0 * radius], -1)

    def groove(canvas: Canvas) -> np.ndarray:
        cut = stamps.look_up(heights, 2 * canvas.turn - 1, (canvas.height - 0.5) * 2 / 0.97)
        return cut * (canvas.outward > 0.5)

    return Draft(
        surface=tube(rings),
        noun="cylinder_seal",
        motif="scene",
        material=pick(
            rng, ("lapis", "carnelian", "basalt", "marble", "jade", "faience", "granite")
        ),
        longest_cm=q["longest_cm"],
        groove=groove,
        parameters=q | {"figures": count},
    )


def _writing(rng: np.random.Generator, lines: int) -> np.ndarray:
    """Rows of invented wedge signs between ruled lines."""
    page = stamps.Page()
    pitch = 1.7 / lines
    for line in range(lines):
        y = 0.85 - pitch * (line + 0.5)
        page.line((-0.86, y - 0.5 * pitch), (0.86, y - 0.5 * pitch), 0.012, 110)
        x, end = -0.82, rng.uniform(0.55, 0.84) if line == lines - 1 else 0.82
        while x < end:
            for _ in range(int(rng.integers(1, 5))):
                angle = (0.0, -np.pi / 2, -np.pi / 4)[int(rng.integers(3))]
                dx, dy = rng.uniform(0, 0.5 * pitch), rng.uniform(-0.1, 0.38) * pitch
                stamps.wedge(page, x + dx, y + dy, rng.uniform(0.45, 0.75) * pitch, angle)
            x += rng.uniform(0.8, 1.15) * pitch
    return page.heights(0.8)


def tablet(rng: np.random.Generator) -> Draft:
    """A pillow of clay, height 1, with wedge writing on the front and less of it on the back."""
    q = draw(
        rng,
        half_width=(0.26, 0.58),
        half_depth=(0.07, 0.15),
        depth=(0.012, 0.022),
        round=(0.04, 0.16),
        longest_cm=(4, 24),
    )
    lines = int(rng.integers(4, 9))
    front_page, back_page = _writing(rng, lines), _writing(rng, lines + 1)
    # Sines crowd the grid towards the border, where the pillow turns over.
    a, b = np.meshgrid(*(np.sin(np.pi / 2 * np.linspace(-1, 1, n)) for n in (38, 50)))
    x = q["half_width"] * a * (1 - q["round"] * b**4)
    z = 0.5 * b * (1 - q["round"] * a**4)
    swell = q["half_depth"] * ((1 - a**6) * (1 - b**6)) ** 0.4
    front = -swell + q["depth"] * stamps.look_up(front_page, a, b)
    back = 0.8 * swell - q["depth"] * stamps.look_up(back_page, -a, b)
    rim = swell == 0
    front, back = np.where(rim, 0, front), np.where(rim, 0, back)

    def groove(canvas: Canvas) -> np.ndarray:
        a = canvas.points[..., 0] / np.abs(canvas.points[..., 0]).max()
        b = 2 * canvas.height - 1
        cut = stamps.look_up(front_page, a, b)
        return 0.6 * np.where(canvas.normals[..., 1] < 0, cut, stamps.look_up(back_page, -a, b))

    return Draft(
        surface=plate(np.stack([x, front, z], -1), np.stack([x, back, z], -1)),
        noun="tablet",
        motif="writing",
        material=pick(rng, ("buff_clay", "terracotta", "grey_clay", "limestone", "basalt", "gold")),
        longest_cm=q["longest_cm"],
        groove=groove,
        parameters=q | {"lines": lines},
    )


def _bump(u, v, at, width) -> np.ndarray:
    """A Gaussian hill on the face plane."""
    return np.exp(-(((u - at[0]) / width[0]) ** 2) - ((v - at[1]) / width[1]) ** 2)


def _features(u: np.ndarray, v: np.ndarray, q: dict[str, float]) -> np.ndarray:
    """Relief of a face over its plane: u across and v up, both about [-1, 1]; symmetric in u."""
    m = np.abs(u)
    slope = np.clip((0.32 - v) / 0.46, 0, 1) * np.clip((v + 0.2) / 0.07, 0, 1)
    nose = q["nose"] * slope * np.exp(-((m / (0.1 + 0.09 * np.clip(0.3 - v, 0, 1))) ** 2))
    brow = 0.06 * _bump(m, v + 0.12 * m**2, (0.34, 0.36), (0.28, 0.07))
    socket = -q["socket"] * _bump(m, v, (0.36, 0.17), (0.2, 0.11))
    lid = 0.055 * np.clip(1 - ((m - 0.36) / 0.17) ** 2 - ((v - 0.16) / 0.075) ** 2, 0, 1) ** 0.5
    cheek = q["cheek"] * _bump(m, v, (0.45, -0.18), (0.22, 0.2))
    lips = 0.06 * (
        _bump(m, v, (0.0, -0.44), (q["mouth"], 0.05))
        + _bump(m, v, (0, -0.57), (0.8 * q["mouth"], 0.06))
    )
    gape = -0.07 * _bump(m, v, (0, -0.505), (q["mouth"], 0.025 + q["gape"]))
    chin = 0.07 * _bump(m, v, (0, -0.82), (0.2, 0.12))
    return nose + brow + socket + lid + cheek + lips + gape + chin


def mask(rng: np.random.Generator) -> Draft:
    """A face to wear: egg-shaped outline, hollow behind, height 1."""
    q = draw(
        rng,
        half_width=(0.3, 0.46),
        taper=(0.0, 0.24),
        dome=(0.1, 0.26),
        nose=(0.1, 0.22),
        socket=(0.03, 0.08),
    )
    q |= draw(
        rng,
        cheek=(0.0, 0.07),
        mouth=(0.16, 0.34),
        gape=(0.0, 0.07),
        fringe=(0.0, 0.03),
        longest_cm=(14, 42),
    )
    angle = 2 * np.pi * (np.arange(COLUMNS) / COLUMNS - 0.25)
    # Rows crowd towards the rim, where the surface turns over.
    radius = 1 - (1 - np.linspace(0, 1, 30)[:, None]) ** 1.4
    u = radius * np.cos(angle) * (1 + q["taper"] * np.sin(angle))
    v = radius * np.sin(angle)
    x, y = q["half_width"] * u, 0.5 * v
    dome = q["dome"] * (1 - radius**2.4) + 0 * u
    locks = (
        q["fringe"] * np.clip((radius - 0.86) / 0.1, 0, 1) * (1 + np.cos(24 * angle)) * (v > -0.1)
    )
    relief = 0.55 * _features(u, v, q) * np.clip((1 - radius) / 0.1, 0, 1) + locks
    front = np.stack([x, y, dome + relief], -1)
    back = np.stack([x, y, dome - 0.05], -1)[::3]
    back[-1] = np.stack([x[-1], y[-1], dome[-1] - 0.05], -1)

    def groove(canvas: Canvas) -> np.ndarray:
        m, v = np.abs(canvas.points[..., 0]) / q["half_width"], 2 * canvas.height - 1
        slit = np.exp(-(((v - 0.155) / 0.02) ** 2)) * (np.abs(m - 0.36) < 0.15)
        gape = _bump(m, v, (0, -0.505), (q["mouth"], 0.02 + 0.6 * q["gape"]))
        return np.maximum(slit, gape) * (canvas.normals[..., 1] < 0)

    material = pick(rng, ("gold", "bronze", "wood", "jade", "terracotta", "lacquer", "limestone"))
    painted = material in ("wood", "lacquer", "terracotta") and rng.random() < 0.6
    return Draft(
        surface=tube(_upright(np.concatenate([back, front[::-1]]))),
        noun="mask",
        material=material,
        longest_cm=q["longest_cm"],
        motif=pick(rng, ("zigzag", "dots", "lozenges")) if painted else "plain",
        band=(0.76, 0.87),
        groove=groove,
        parameters=q,
    )

"""Draws docs/images/conventions.png: our frames, pixels and signs, by our own cameras and renderer.

    python docs/drawings/conventions.py

Nothing is drawn freehand: the axes, the frustum and the grid go through `cameras.project`, and the
amphora is `jaxrelic.render` of a procedural relic.
"""

import pathlib

import matplotlib.pyplot as plt
import numpy as np
from matplotlib.axes import Axes
from matplotlib.patches import Circle, Rectangle

import jaxrelic
from data_engine.procedural import make_relic
from jaxrelic.geometry import cameras, meshes

TARGET = pathlib.Path(__file__).parents[1] / "images" / "conventions.png"
RED, GREEN, BLUE, INK, QUIET = "#c0392b", "#27803b", "#2471a3", "#222222", "#8a8a8a"
VIEW_PX, PHOTO_PX, PHOTO_FOCAL = 640, 8, 10.0
AZIMUTH_DEG, ELEVATION_DEG, RADIUS = 300.0, 25.0, 1.2


def look(azimuth_deg: float, elevation_deg: float, radius: float) -> np.ndarray:
    """cam_from_world [4, 4] of a camera that looks at the origin."""
    angles = np.radians([azimuth_deg, elevation_deg, 0.0]).astype(np.float32)[:, None]
    return np.asarray(cameras.orbit(*angles, np.float32([[0, 0, radius]]))[0])


def relic() -> jaxrelic.Mesh:
    """A procedural amphora in the normalised world: centred, longest side 0.8."""
    made = make_relic("amphora", 3)
    low, high = made.vertices.min(axis=0), made.vertices.max(axis=0)
    vertices = (made.vertices - (low + high) / 2) * (0.8 / (high - low).max())
    return jaxrelic.Mesh(vertices=np.float32(vertices), faces=np.int32(made.faces))


def drawn(ax: Axes, camera: jaxrelic.Camera, start: np.ndarray, end: np.ndarray, **style) -> None:
    """An arrow in the world, as a camera sees it."""
    uv, _ = cameras.project(camera, np.float32([start, end]))
    arrow = {"arrowstyle": "-|>", "shrinkA": 0, "shrinkB": 0, "lw": 2} | style
    ax.annotate("", np.asarray(uv)[1], np.asarray(uv)[0], arrowprops=arrow)


def line(ax: Axes, camera: jaxrelic.Camera, points: np.ndarray, **style) -> None:
    """A line in the world, as a camera sees it."""
    uv, _ = cameras.project(camera, np.float32(points))
    ax.plot(*np.asarray(uv).T, **style)


def label(ax: Axes, camera: jaxrelic.Camera, point: np.ndarray, text: str, colour: str, shift=0):
    uv = np.asarray(cameras.project(camera, np.float32([point]))[0])[0]
    ax.text(*(uv + shift), text, color=colour, ha="center", va="center", fontsize=11)


def frames(ax: Axes, mesh: jaxrelic.Mesh, pose: np.ndarray) -> None:
    """The world, one camera in it, and the angles that place it."""
    observer = jaxrelic.Camera(
        look(240, 30, 3.0), cameras.intrinsics(800, VIEW_PX, VIEW_PX, (245, 340))
    )
    ax.imshow(jaxrelic.render(mesh, observer, image_size=VIEW_PX).rgb, interpolation="lanczos")
    for axis, (name, colour) in enumerate(zip("xyz", (RED, GREEN, BLUE), strict=True)):
        tip = 0.72 * np.eye(3)[axis]
        drawn(ax, observer, np.zeros(3), tip, color=colour)
        label(ax, observer, 1.09 * tip, f"{name}, up" if name == "z" else name, colour)
    world_from_cam = np.linalg.inv(pose)
    centre, axes = world_from_cam[:3, 3], world_from_cam[:3, :3].T
    names = ("x right", "y down", "z forward")
    for direction, name, colour in zip(axes, names, (RED, GREEN, BLUE), strict=True):
        drawn(ax, observer, centre, centre + 0.3 * direction, color=colour, lw=1.6)
        shift = np.array([8, 20]) if name == "z forward" else 0
        label(ax, observer, centre + 0.4 * direction, name, colour, shift)
    photo = jaxrelic.Camera(pose, cameras.intrinsics(PHOTO_FOCAL, PHOTO_PX, PHOTO_PX))
    corners = np.float32([[0, 0], [PHOTO_PX, 0], [PHOTO_PX, PHOTO_PX], [0, PHOTO_PX], [0, 0]])
    rim = np.asarray(cameras.unproject(photo, corners, np.full(5, 0.35, np.float32)))
    line(ax, observer, rim, color=INK, lw=1)
    for corner in rim[:4]:
        line(ax, observer, [centre, corner], color=INK, lw=1)
    ground = centre * [1, 1, 0]
    line(ax, observer, [np.zeros(3), ground], color=QUIET, lw=1, ls="--")
    line(ax, observer, [ground, centre], color=QUIET, lw=1, ls="--")
    line(ax, observer, [np.zeros(3), centre], color=QUIET, lw=1, ls="--")
    turn = np.radians(np.linspace(0, AZIMUTH_DEG, 80))
    line(
        ax, observer, 0.5 * np.stack([np.cos(turn), np.sin(turn), 0 * turn], -1), color=QUIET, lw=1
    )
    label(ax, observer, np.array([-0.62, 0.1, 0]), f"azimuth {AZIMUTH_DEG:.0f}°", INK)
    rise = np.radians(np.linspace(0, ELEVATION_DEG, 20))
    flat = ground / np.linalg.norm(ground)
    arc = 0.8 * (np.cos(rise)[:, None] * flat + np.sin(rise)[:, None] * [0, 0, 1])
    line(ax, observer, arc, color=QUIET, lw=1)
    label(ax, observer, 1.27 * arc[7], f"elevation {ELEVATION_DEG:.0f}°", INK)
    ax.set_title("world: right-handed, z up, longest side 0.8\ncamera: x right, y down, z forward")
    ax.set_xlim(0, VIEW_PX)
    ax.set_ylim(VIEW_PX, 0)


def pixels(ax: Axes, mesh: jaxrelic.Mesh, pose: np.ndarray) -> None:
    """The picture that camera takes: where pixels lie, and where the rasterizer's axes do."""
    camera = jaxrelic.Camera(pose, cameras.intrinsics(PHOTO_FOCAL, PHOTO_PX, PHOTO_PX))
    image = jaxrelic.render(mesh, camera, image_size=PHOTO_PX)
    ax.imshow(image.rgb, extent=(0, PHOTO_PX, PHOTO_PX, 0), interpolation="nearest", alpha=0.85)
    for edge in range(PHOTO_PX + 1):
        ax.plot([edge, edge], [0, PHOTO_PX], color="#c8c8c8", lw=0.7)
        ax.plot([0, PHOTO_PX], [edge, edge], color="#c8c8c8", lw=0.7)
    ax.add_patch(Rectangle((0, 0), PHOTO_PX, PHOTO_PX, fill=False, ec=INK, lw=1))
    ax.plot(0.5, 0.5, "o", color=RED, ms=5)
    ax.annotate("first pixel\ncentre\n(0.5, 0.5)", (0.5, 0.5), (0.25, 4.6), color=RED, va="center",
                arrowprops={"arrowstyle": "-", "color": RED})  # fmt: skip
    middle = PHOTO_PX / 2
    ax.plot(middle, middle, "+", color=INK, ms=11, mew=2)
    ax.annotate(f"({middle:.0f}, {middle:.0f})\noptical axis,\na corner of\nfour pixels",
                (middle, middle), (middle + 1.4, middle + 1.6), color=INK, va="center",
                arrowprops={"arrowstyle": "-", "color": INK})  # fmt: skip
    arrow = {"arrowstyle": "-|>", "shrinkA": 0, "shrinkB": 0, "lw": 2}
    ax.annotate("", (1.8, -0.35), (0, -0.35), arrowprops=arrow | {"color": RED})
    ax.annotate("", (-0.35, 1.8), (-0.35, 0), arrowprops=arrow | {"color": GREEN})
    ax.text(2.0, -0.35, "u right", color=RED, va="center")
    ax.text(-0.35, 2.0, "v down", color=GREEN, rotation=270, ha="center", va="top")
    far = PHOTO_PX + 0.35
    ax.annotate("", (PHOTO_PX, far), (0, far), arrowprops=arrow | {"color": QUIET, "lw": 1.2})
    ax.annotate("", (far, 0), (far, PHOTO_PX), arrowprops=arrow | {"color": QUIET, "lw": 1.2})
    ax.text(middle, far + 0.15, "rasterizer: x from -1 to 1", color=INK, ha="center", va="top")
    ax.text(far + 0.15, middle, "y from -1 to 1, up", color=INK, rotation=90, va="center")
    ax.set_title(
        f"picture: {PHOTO_PX} px, focal length {PHOTO_FOCAL:.0f} px\nuv in pixels, row 0 on top"
    )
    ax.set_xlim(-1, PHOTO_PX + 1)
    ax.set_ylim(PHOTO_PX + 1, -1)


def signs(ax: Axes) -> None:
    """Depth along the axis and along the ray, signed distance, normals and the order of corners."""
    ax.add_patch(Circle((2.4, 0), 0.9, fc="#efe6da", ec=INK, lw=1.5))
    ax.plot(0, 0, "o", color=INK)
    ax.text(0, -0.16, "camera", ha="center", va="top")
    ray = np.array([np.cos(0.2), np.sin(0.2)])
    along = 2.4 * ray[0] - np.sqrt((2.4 * ray[0]) ** 2 - 2.4**2 + 0.9**2)
    hit = along * ray
    arrow = {"arrowstyle": "-|>", "shrinkA": 0, "shrinkB": 0, "lw": 1.8}
    ax.annotate("", hit, (0, 0), arrowprops=arrow | {"color": RED})
    ax.text(
        *(0.33 * hit + [0, 0.1]),
        f"along the ray {along:.3f}",
        color=RED,
        rotation=11.5,
        ha="center",
    )
    ax.annotate("", (hit[0], 0), (0, 0), arrowprops=arrow | {"color": BLUE})
    ax.text(0.85, -0.1, f"depth {hit[0]:.3f}", color=BLUE, va="top", ha="center")
    ax.plot([hit[0], hit[0]], [0, hit[1]], color=QUIET, ls=":")
    outward = (hit - [2.4, 0]) / 0.9
    ax.annotate("", hit + 0.55 * outward, hit, arrowprops=arrow | {"color": GREEN})
    ax.text(*(hit + 0.62 * outward + [0, 0.14]), "normal, outward", color=GREEN, ha="center")
    ax.text(2.4, 0.42, "signed distance", ha="center")
    ax.text(2.4, 0.0, "< 0 inside", ha="center", va="center")
    ax.text(2.4, 1.02, "> 0 outside", ha="center")
    vertices, faces = meshes.icosphere(0)
    corners = vertices[faces[0]]
    normal = np.cross(corners[1] - corners[0], corners[2] - corners[0])
    right = np.cross([0, 0, 1.0], normal)
    up = np.cross(normal, right)
    flat = np.stack(
        [corners @ right / np.linalg.norm(right), corners @ up / np.linalg.norm(up)], -1
    )
    flat = 0.55 * (flat - flat.mean(axis=0)) + [0.15, -1.15]
    ax.fill(*flat.T, fc="#dfe8ef", ec=INK)
    for number, corner in enumerate(flat):
        ax.text(
            *(corner + 0.22 * (corner - flat.mean(axis=0))), str(number), ha="center", va="center"
        )
    for number in range(3):
        inner = 0.62 * (flat - flat.mean(axis=0)) + flat.mean(axis=0)
        ax.annotate(
            "", inner[(number + 1) % 3], inner[number], arrowprops=arrow | {"lw": 1, "color": INK}
        )
    ax.text(0.72, -1.2, "a face seen from outside:\ncorners counter-clockwise", va="center")
    ax.set_title("depth along the optical axis, 0 = nothing\nsigned distance, normals, faces")
    ax.set_xlim(-0.35, 3.5)
    ax.set_ylim(-1.65, 1.3)
    ax.set_aspect("equal")


def main() -> None:
    plt.rcParams.update({"font.size": 10.5, "axes.titlesize": 11})
    pose, mesh = look(AZIMUTH_DEG, ELEVATION_DEG, RADIUS), relic()
    figure, (left, middle, right) = plt.subplots(
        1, 3, figsize=(15.5, 5.9), width_ratios=(1, 1, 1.15)
    )
    frames(left, mesh, pose)
    pixels(middle, mesh, pose)
    signs(right)
    for ax in (left, middle, right):
        ax.axis("off")
    figure.tight_layout()
    figure.savefig(TARGET, dpi=90)
    print(TARGET)


if __name__ == "__main__":
    main()

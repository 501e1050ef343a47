"""The Blender engine: a process of its own that renders relics and takes its orders over pipes.

Started by `child.py` as a script, possibly under another interpreter that has `bpy` and NumPy and
nothing of ours; see `worker_process.py` for the messages.
"""

import pathlib
import re
import sys

import numpy as np

# At the end and only for these imports: the other interpreter's own packages come first.
sys.path.append(str(pathlib.Path(__file__).parents[2]))
from data_engine.rendering import blender_relic, blender_scene, worker_process

sys.path.pop()

APT_PACKAGES = (
    "libx11-6 libxrender1 libxxf86vm1 libxfixes3 libxi6 libxkbcommon0 libgomp1 libsm6 libgl1"
)


def import_blender():
    """Imports bpy, or explains in one line what this machine lacks."""
    try:
        import bpy
    except ImportError as error:
        library = re.search(r"(lib[\w.+-]+\.so[\d.]*)", str(error))
        if library:
            remedy = f"{library[1]} is missing; run: apt-get install {APT_PACKAGES}"
        else:
            remedy = (
                "install it (pip install 'jaxrelic[engine]', Python 3.11 or 3.13) or name an "
                "interpreter that has it with --blender-python"
            )
        raise SystemExit(
            f"Blender cannot be imported by {sys.executable} ({error}): {remedy}"
        ) from error
    return bpy


def prepare(setup: dict) -> tuple[str, worker_process.Render]:
    """Imports Blender and opens what all relics share."""
    bpy = import_blender()
    if "hdri" in setup["lighting"]:
        blender_scene.open_panorama(bpy, setup["lighting"]["hdri"])

    def render(job: dict, answer: worker_process.Answer) -> None:
        render_relic(bpy, setup, job, answer)

    return f"blender {bpy.app.version_string}", render


def render_relic(bpy, setup: dict, job: dict, answer: worker_process.Answer) -> None:
    """Renders every pose of one relic into `<out>/<index>.exr`, from a fresh Blender state."""
    bpy.ops.wm.read_factory_settings(use_empty=True)
    blender_scene.configure(bpy, setup)
    blender_scene.add_lights(bpy, setup["lighting"])
    meshes = blender_relic.import_relic(bpy, job["glb"], np.array(job["world_from_gltf"]))
    bounds = blender_relic.world_bounds(bpy, meshes)
    camera = blender_scene.add_camera(bpy, setup)
    for index, world_from_cam in enumerate(setup["world_from_cam"]):
        camera.matrix_world = blender_relic.matrix(world_from_cam)
        bpy.context.scene.render.filepath = str(pathlib.Path(job["out"]) / f"{index}.exr")
        bpy.ops.render.render(write_still=True)
        answer({"event": "view", "uid": job["uid"], "index": index})
    answer({"event": "done", "uid": job["uid"], "bounds": bounds})


if __name__ == "__main__":
    worker_process.serve(prepare)

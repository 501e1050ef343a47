"""The only user of Blender: renders relics in a process of its own, told what to do over pipes.

Started by `queue.py` as a script, possibly under another interpreter, so it imports nothing but the
standard library, NumPy and `bpy`. The first line on stdin is the setup (settings, limits, poses),
every further line is one relic; answers leave as one JSON line each:

    {"event": "ready", "blender": "4.4.0"}            {"event": "fatal", "error": ...}
    {"event": "view", "uid": ..., "index": 0}         {"event": "failed", "uid": ..., "error": ...}
    {"event": "done", "uid": ..., "bounds": [[x, y, z], [x, y, z]]}

Blender and its importer print to stdout, so the answers use a private copy of that descriptor and
everything else goes to the log of the relic at hand.
"""

import json
import math
import os
import pathlib
import re
import resource
import sys

import numpy as np

PROJECTION_TOLERANCE = 1e-4
"""Largest relative difference between the intrinsics asked for and those Blender renders with."""

SENSOR_MM = 32.0
"""With this width a 35 mm lens is 280 px at 256 px; Blender's default of 36 mm is not."""

NEUTRAL_GREY = 0.6
"""Linear reflectance of a surface that came without a material."""

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


def limit_resources(cpu_s: int, memory_bytes: int) -> None:
    """Caps this process before it opens foreign files; the parent watches the wall clock."""
    resource.setrlimit(resource.RLIMIT_CORE, (0, 0))
    for kind, limit in ((resource.RLIMIT_CPU, cpu_s), (resource.RLIMIT_AS, memory_bytes)):
        _, hard = resource.getrlimit(kind)
        if hard != resource.RLIM_INFINITY:  # A stricter limit of the machine stays in force
            limit = min(limit, hard)
        resource.setrlimit(kind, (limit, hard))


def send_output_to(log: str) -> None:
    """Appends stdout and stderr, also those of native code, to a file."""
    descriptor = os.open(log, os.O_WRONLY | os.O_CREAT | os.O_APPEND, 0o644)
    sys.stdout.flush()
    for stream in (1, 2):
        os.dup2(descriptor, stream)
    os.close(descriptor)


def configure(bpy, setup: dict) -> None:
    """Sets every render option that differs between Blender versions or matters to the record."""
    scene, settings = bpy.context.scene, setup["settings"]
    render, cycles = scene.render, scene.cycles
    render.engine = "CYCLES"
    cycles.device = "CPU"
    cycles.samples = settings["samples"]
    cycles.seed = settings["seed"]
    cycles.use_denoising = False
    cycles.use_adaptive_sampling = False
    cycles.max_bounces, cycles.transparent_max_bounces = 4, 16
    cycles.diffuse_bounces = cycles.glossy_bounces = 2
    render.use_persistent_data = True
    render.film_transparent = True
    render.threads_mode, render.threads = "FIXED", setup["threads"]
    render.resolution_x = render.resolution_y = settings["size"]
    render.resolution_percentage = 100
    render.use_compositing = render.use_sequencer = False
    view = scene.view_settings
    view.view_transform, view.look, view.exposure, view.gamma = "Standard", "None", 0.0, 1.0
    scene.view_layers[0].use_pass_z = True
    image = render.image_settings
    if hasattr(image, "media_type"):  # Blender 5
        image.media_type = "MULTI_LAYER_IMAGE"
    image.file_format, image.color_depth = "OPEN_EXR_MULTILAYER", "32"
    image.exr_codec = "NONE"  # The file lives for a moment; compressing it costs more than it saves


def add_lights(bpy, lighting: dict) -> None:
    """White surroundings, and sun lamps (direction of travel, strength in W/m2) or point lamps."""
    scene = bpy.context.scene
    scene.world = bpy.data.worlds.new("surroundings")
    scene.world.use_nodes = True
    background = scene.world.node_tree.nodes["Background"]
    background.inputs["Color"].default_value = (1, 1, 1, 1)
    background.inputs["Strength"].default_value = lighting["world"]
    for sun in lighting["suns"]:
        data = bpy.data.lights.new("sun", "SUN")
        data.energy, data.angle = sun["strength"], math.radians(sun["angle_deg"])
        lamp = bpy.data.objects.new("sun", data)
        lamp.rotation_mode = "QUATERNION"
        lamp.rotation_quaternion = _vector(sun["direction"]).to_track_quat("-Z", "Y")
        scene.collection.objects.link(lamp)
    for point in lighting["points"]:
        data = bpy.data.lights.new("point", "POINT")
        data.energy = point["watt"]
        lamp = bpy.data.objects.new("point", data)
        lamp.location = point["position"]
        scene.collection.objects.link(lamp)


def add_camera(bpy, setup: dict):
    """A camera with the intrinsics of the pose set, read back and compared before any render."""
    size, k = setup["settings"]["size"], np.array(setup["pixel_from_cam"])
    fx, fy, cx, cy = k[0, 0], k[1, 1], k[0, 2], k[1, 2]
    data = bpy.data.cameras.new("camera")
    data.sensor_fit, data.sensor_width = "HORIZONTAL", SENSOR_MM
    data.lens = fx * SENSOR_MM / size
    data.shift_x, data.shift_y = (size / 2 - cx) / size, (cy - size / 2) / size
    data.clip_start, data.clip_end = 0.01, 100.0
    render = bpy.context.scene.render
    render.pixel_aspect_x, render.pixel_aspect_y = max(fy / fx, 1.0), max(fx / fy, 1.0)
    camera = bpy.data.objects.new("camera", data)
    bpy.context.scene.collection.objects.link(camera)
    bpy.context.scene.camera = camera
    check_projection(bpy, camera, k, size)
    return camera


def check_projection(bpy, camera, pixel_from_cam: np.ndarray, size: int) -> None:
    """Raises when Blender would render with other intrinsics than the record will claim."""
    matrix = np.array(
        camera.calc_matrix_camera(bpy.context.evaluated_depsgraph_get(), x=size, y=size)
    )
    # Normalised device coordinates (y up, in [-1, 1]) to pixels (y down).
    in_ndc = np.array([matrix[0, 0], matrix[1, 1], 1 - matrix[0, 2], 1 + matrix[1, 2]])
    actual = in_ndc * size / 2
    k = pixel_from_cam
    wanted = np.array([k[0, 0], k[1, 1], k[0, 2], k[1, 2]])
    if not np.allclose(actual, wanted, rtol=PROJECTION_TOLERANCE):
        raise RuntimeError(
            f"Blender renders with fx, fy, cx, cy = {actual.round(3).tolist()} px where the poses "
            f"say {wanted.round(3).tolist()}"
        )


def import_relic(bpy, glb: str, world_from_import: np.ndarray) -> list:
    """Opens a GLB, places it in the world frame and returns its mesh objects."""
    ours = set(bpy.data.objects)
    bpy.ops.import_scene.gltf(filepath=glb)
    bpy.context.scene.frame_set(0)
    placement = _matrix(world_from_import)
    for item in set(bpy.data.objects) - ours:
        if item.parent is None:  # One common transform: per-part scaling would move the parts
            item.matrix_world = placement @ item.matrix_world
        if item.type in {"LIGHT", "CAMERA"}:
            item.hide_render = True
    bpy.context.view_layer.update()
    visible = set(bpy.context.view_layer.objects)  # Excludes the importer's hidden bone shapes
    meshes = [item for item in bpy.data.objects if item.type == "MESH" and item in visible]
    if not meshes:
        raise RuntimeError("the file holds no mesh")
    for item in meshes:
        give_material(bpy, item)
    return meshes


def give_material(bpy, item) -> None:
    """Surfaces without a material become neutral grey, or show their vertex colours."""
    materials = item.data.materials
    if not materials:
        materials.append(None)
    for slot, material in enumerate(materials):
        if material is None:
            materials[slot] = _plain_material(bpy, item.data.color_attributes)


def _plain_material(bpy, color_attributes):
    material = bpy.data.materials.new("plain")
    material.use_nodes = True
    nodes, links = material.node_tree.nodes, material.node_tree.links
    surface = nodes["Principled BSDF"]
    surface.inputs["Roughness"].default_value = 0.9
    surface.inputs["Base Color"].default_value = (NEUTRAL_GREY, NEUTRAL_GREY, NEUTRAL_GREY, 1)
    if len(color_attributes):
        color = nodes.new("ShaderNodeVertexColor")
        color.layer_name = color_attributes[0].name
        links.new(color.outputs["Color"], surface.inputs["Base Color"])
    return material


def world_bounds(bpy, meshes: list) -> list:
    """Corners of the box around all vertices that belong to a face, as [[x, y, z], [x, y, z]]."""
    depsgraph = bpy.context.evaluated_depsgraph_get()
    lows, highs = [], []
    for item in meshes:
        evaluated = item.evaluated_get(depsgraph)
        vertices = np.empty(3 * len(evaluated.data.vertices), np.float32)
        evaluated.data.vertices.foreach_get("co", vertices)
        corners = np.empty(len(evaluated.data.loops), np.int32)
        evaluated.data.loops.foreach_get("vertex_index", corners)
        if not len(corners):
            continue
        pose = np.array(evaluated.matrix_world)
        points = vertices.reshape(-1, 3)[np.unique(corners)] @ pose[:3, :3].T + pose[:3, 3]
        lows.append(points.min(axis=0))
        highs.append(points.max(axis=0))
    if not lows:
        raise RuntimeError("the meshes of the file have no faces")
    return [np.min(lows, axis=0).tolist(), np.max(highs, axis=0).tolist()]


def render_relic(bpy, setup: dict, job: dict, answer) -> None:
    """Renders every pose of one relic into `<out>/<index>.exr`, from a fresh Blender state."""
    bpy.ops.wm.read_factory_settings(use_empty=True)
    configure(bpy, setup)
    add_lights(bpy, setup["lighting"])
    meshes = import_relic(bpy, job["glb"], np.array(job["world_from_import"]))
    bounds = world_bounds(bpy, meshes)
    camera = add_camera(bpy, setup)
    for index, world_from_cam in enumerate(setup["world_from_cam"]):
        camera.matrix_world = _matrix(world_from_cam)
        bpy.context.scene.render.filepath = str(pathlib.Path(job["out"]) / f"{index}.exr")
        bpy.ops.render.render(write_still=True)
        answer({"event": "view", "uid": job["uid"], "index": index})
    answer({"event": "done", "uid": job["uid"], "bounds": bounds})


def _matrix(rows):
    import mathutils

    return mathutils.Matrix(np.asarray(rows).tolist())


def _vector(values):
    import mathutils

    return mathutils.Vector(values)


def main() -> None:
    """Serves the relics on stdin until it closes."""
    answers = os.fdopen(os.dup(1), "w")
    os.dup2(2, 1)

    def answer(message: dict) -> None:
        answers.write(json.dumps(message) + "\n")
        answers.flush()

    setup = json.loads(sys.stdin.readline())
    limit_resources(setup["cpu_s"], setup["memory_bytes"])
    try:
        bpy = import_blender()
    except SystemExit as error:
        answer({"event": "fatal", "error": str(error)})
        return
    answer({"event": "ready", "blender": bpy.app.version_string})
    for line in sys.stdin:
        job = json.loads(line)
        send_output_to(job["log"])
        try:
            render_relic(bpy, setup, job, answer)
        except Exception as error:  # Whatever one file provokes must not take the next one along
            answer({"event": "failed", "uid": job["uid"], "error": " ".join(str(error).split())})


if __name__ == "__main__":
    main()

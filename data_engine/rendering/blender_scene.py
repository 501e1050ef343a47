"""The Blender scene around a relic: render options, light and camera, every one set explicitly.

Defaults differ between Blender versions (4.5 starts with 4096 samples, a denoiser and the AgX view
transform), and what is not set here would enter the pixels without entering `render_id`.
"""

import math

import numpy as np

PROJECTION_TOLERANCE = 1e-4
"""Largest relative difference between the intrinsics asked for and those Blender renders with."""

SENSOR_MM = 32.0
"""Sensor width: with it a 35 mm lens is 280 px at 256 px; Blender's default of 36 mm is not."""

_CYCLES = {
    "device": "CPU",
    "feature_set": "SUPPORTED",
    "use_denoising": False,
    "adaptive_min_samples": 16,
    "sampling_pattern": "AUTOMATIC",
    "auto_scrambling_distance": False,
    "scrambling_distance": 1.0,
    "use_animated_seed": False,
    "sample_offset": 0,
    "use_layer_samples": "USE",
    "time_limit": 0.0,
    "light_sampling_threshold": 0.01,
    "direct_light_sampling_type": "MULTIPLE_IMPORTANCE_SAMPLING",
    "use_light_tree": True,
    "use_guiding": False,
    "use_fast_gi": False,
    "max_bounces": 4,
    "min_light_bounces": 0,
    "diffuse_bounces": 2,
    "glossy_bounces": 2,
    "transmission_bounces": 4,
    "volume_bounces": 0,
    "transparent_max_bounces": 16,
    "min_transparent_bounces": 0,
    "caustics_reflective": True,
    "caustics_refractive": True,
    "blur_glossy": 1.0,
    "sample_clamp_direct": 0.0,
    "sample_clamp_indirect": 10.0,
    "film_exposure": 1.0,
    "film_transparent_glass": False,
    "pixel_filter_type": "BLACKMAN_HARRIS",
    "filter_width": 1.5,
    "texture_limit_render": "OFF",
    "use_camera_cull": False,
    "use_distance_cull": False,
    "use_auto_tile": True,
    "tile_size": 2048,
}
_RENDER = {
    "engine": "CYCLES",
    "film_transparent": True,
    "use_persistent_data": True,
    "resolution_percentage": 100,
    "use_border": False,
    "use_motion_blur": False,
    "use_simplify": False,
    "use_freestyle": False,
    "use_compositing": False,
    "use_sequencer": False,
    "use_file_extension": True,
    "use_overwrite": True,
    "threads_mode": "FIXED",
}
_VIEW = {
    "view_transform": "Standard",
    "look": "None",
    "exposure": 0.0,
    "gamma": 1.0,
    "use_curve_mapping": False,
    "use_white_balance": False,
    "use_hdr_view": False,
}


def configure(bpy, setup: dict) -> None:
    """Sets every render option that differs between Blender versions or matters to the record."""
    scene, settings = bpy.context.scene, setup["settings"]
    render = scene.render
    _assign(render, _RENDER)
    _assign(scene.cycles, _CYCLES)
    _assign(scene.view_settings, _VIEW)
    scene.display_settings.display_device = "sRGB"
    scene.cycles.samples, scene.cycles.seed = settings["samples"], settings["seed"]
    scene.cycles.use_adaptive_sampling = settings["noise"] > 0
    scene.cycles.adaptive_threshold = settings["noise"]
    render.threads = setup["threads"]
    render.resolution_x = render.resolution_y = settings["size"]
    layer = scene.view_layers[0]
    layer.use_pass_combined = layer.use_pass_z = True
    image = render.image_settings
    if hasattr(image, "media_type"):  # Blender 5
        image.media_type = "MULTI_LAYER_IMAGE"
    image.file_format, image.color_depth = "OPEN_EXR_MULTILAYER", "32"
    image.exr_codec = "NONE"  # The file lives for a moment; compressing it costs more than it saves


def _assign(target, values: dict) -> None:
    """Sets properties; one that this Blender version lacks cannot differ from its default."""
    for name, value in values.items():
        if hasattr(target, name):
            setattr(target, name, value)


def add_lights(bpy, lighting: dict) -> None:
    """White surroundings, a dome or a panorama; and sun lamps (W/m2) or point lamps (W)."""
    scene = bpy.context.scene
    scene.world = bpy.data.worlds.new("surroundings")
    scene.world.use_nodes = True
    tree = scene.world.node_tree
    background = tree.nodes["Background"]
    background.inputs["Color"].default_value = (1, 1, 1, 1)
    background.inputs["Strength"].default_value = lighting["world"]
    # A smooth world is met by scattered rays often enough; aiming extra rays at it doubles the cost
    # and adds noise. A panorama may hold a small bright sun.
    scene.world.cycles.sampling_method = "AUTOMATIC" if "hdri" in lighting else "NONE"
    if "dome" in lighting:
        strength = dome_strength(tree, lighting["world"], **lighting["dome"])
        tree.links.new(strength, background.inputs["Strength"])
    if "hdri" in lighting:
        panorama = tree.nodes.new("ShaderNodeTexEnvironment")
        panorama.image = open_panorama(bpy, lighting["hdri"])
        tree.links.new(panorama.outputs["Color"], background.inputs["Color"])
    for sun in lighting["suns"]:
        data = bpy.data.lights.new("sun", "SUN")
        data.energy, data.angle = sun["strength"], math.radians(sun["angle_deg"])
        lamp = bpy.data.objects.new("sun", data)
        lamp.rotation_mode = "QUATERNION"
        lamp.rotation_quaternion = _vector(sun["direction"]).to_track_quat("-Z", "Y")
        scene.collection.objects.link(lamp)
    for point in lighting["points"]:
        data = bpy.data.lights.new("point", "POINT")
        data.energy, data.shadow_soft_size = point["watt"], point["radius"]
        lamp = bpy.data.objects.new("point", data)
        lamp.location = point["position"]
        scene.collection.objects.link(lamp)


def dome_strength(tree, mean: float, *, brightest: list[float], slope: float):
    """Node output mean + slope * cos(angle between the ray and the brightest direction)."""
    cosine = tree.nodes.new("ShaderNodeVectorMath")
    cosine.operation = "DOT_PRODUCT"
    cosine.inputs[1].default_value = brightest
    direction = tree.nodes.new("ShaderNodeTexCoord")
    tree.links.new(direction.outputs["Generated"], cosine.inputs[0])
    strength = tree.nodes.new("ShaderNodeMath")
    strength.operation = "MULTIPLY_ADD"
    strength.inputs[1].default_value, strength.inputs[2].default_value = slope, mean
    tree.links.new(cosine.outputs["Value"], strength.inputs[0])
    return strength.outputs["Value"]


def open_panorama(bpy, path: str):
    """The image of an equirectangular panorama; SystemExit when Blender cannot read it."""
    try:
        image = bpy.data.images.load(path)
        readable = image.size[0] > 0
    except RuntimeError:
        readable = False
    if not readable:
        raise SystemExit(f"Blender cannot read the panorama {path}; give an .hdr or .exr file")
    return image


def add_camera(bpy, setup: dict):
    """A camera with the intrinsics of the pose set, read back and compared before any render."""
    size, k = setup["settings"]["size"], np.array(setup["pixel_from_cam"])
    fx, fy, cx, cy = k[0, 0], k[1, 1], k[0, 2], k[1, 2]
    data = bpy.data.cameras.new("camera")
    data.sensor_fit, data.sensor_width = "HORIZONTAL", SENSOR_MM
    data.lens = fx * SENSOR_MM / size
    # Shifts are fractions of the width, also the vertical one, and count in widths of a pixel.
    data.shift_x, data.shift_y = (size / 2 - cx) / size, (cy - size / 2) / size * fx / fy
    data.clip_start, data.clip_end = 0.01, 100.0
    data.dof.use_dof = False
    render = bpy.context.scene.render
    render.pixel_aspect_x, render.pixel_aspect_y = max(fy / fx, 1.0), max(fx / fy, 1.0)
    camera = bpy.data.objects.new("camera", data)
    bpy.context.scene.collection.objects.link(camera)
    bpy.context.scene.camera = camera
    check_projection(bpy, camera, k, size)
    return camera


def check_projection(bpy, camera, pixel_from_cam: np.ndarray, size: int) -> None:
    """Raises when Blender would render with other intrinsics than the record will claim."""
    render = bpy.context.scene.render
    matrix = np.array(
        camera.calc_matrix_camera(
            bpy.context.evaluated_depsgraph_get(),
            x=render.resolution_x,
            y=render.resolution_y,
            scale_x=render.pixel_aspect_x,
            scale_y=render.pixel_aspect_y,
        )
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


def _vector(values):
    import mathutils

    return mathutils.Vector(values)

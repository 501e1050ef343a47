"""Folders of posed photographs become the views that the network was trained on, and back."""

import dataclasses
import json

import numpy as np
import PIL.Image
import posed_folders
import pytest

from jaxrelic.data import pose_files
from jaxrelic.errors import UserError
from jaxrelic.geometry import cameras, carving, meshes
from jaxrelic.geometry.registration import placement
from jaxrelic.mesh_files import glb_writer as files
from jaxrelic.photos import posed as posed_photographs
from jaxrelic.photos.masks import salient

SHOTS = posed_folders.shots(count=6, size=96)
SIZE = 48


def no_finder(rgb):
    raise AssertionError("the object is known")


def read(folder, poses, **options):
    options = {"image_size": SIZE, "find": no_finder} | options
    return posed_photographs.read(folder, poses, **options)


@pytest.fixture(scope="module")
def folder(tmp_path_factory):
    return posed_folders.write_photographs(tmp_path_factory.mktemp("views"), SHOTS)


@pytest.fixture(scope="module")
def posed(folder, tmp_path_factory):
    path = tmp_path_factory.mktemp("poses") / "poses.json"
    return read(folder, posed_folders.write_schema(path, SHOTS))


def relic_points():
    return posed_folders.synthetic.SyntheticRelics(1, 6, 96, first=1)[0]["points"]


def test_three_formats_give_the_same_views(folder, posed, tmp_path):
    for path in (
        posed_folders.write_transforms(tmp_path / "anything.txt", SHOTS),
        posed_folders.write_colmap(tmp_path / "sparse", SHOTS),
    ):
        other = read(folder, path, up="z")
        assert other.views.names == posed.views.names
        for name in ("rgb", "mask"):
            np.testing.assert_allclose(
                getattr(other.views, name), getattr(posed.views, name), atol=1e-5
            )
        for name in ("cam_from_world", "pixel_from_cam"):
            np.testing.assert_allclose(
                getattr(other.views.camera, name), getattr(posed.views.camera, name), atol=1e-5
            )
        np.testing.assert_allclose(other.world_from_ours, posed.world_from_ours, atol=1e-5)


def test_the_hull_of_the_views_is_centred_and_as_long_as_in_training(posed):
    cell = 0.8 / 80
    points = carving.grid(np.zeros(3), np.full(3, 0.6), cell)
    outlines = [
        carving.Outline(mask=mask > 0.5, cam_from_world=pose, pixel_from_cam=lens, whole=True)
        for mask, pose, lens in zip(
            posed.views.mask,
            posed.views.camera.cam_from_world,
            posed.views.camera.pixel_from_cam,
            strict=True,
        )
    ]
    hull = points[carving.carve(outlines, points)]
    # Masks have lost pixels of 0.02 units when they were reduced; the photographs' were half that.
    assert np.ptp(hull, axis=0).max() + cell == pytest.approx(0.8, abs=2.5 * cell)
    np.testing.assert_allclose(hull.min(axis=0) + hull.max(axis=0), 0, atol=2.5 * cell)


def test_the_relic_is_where_the_similarity_says(posed):
    world_from_ours = posed.world_from_ours
    points = posed_folders.to_world(relic_points())
    ours = (points - world_from_ours[:3, 3]) @ np.linalg.inv(world_from_ours[:3, :3]).T
    # The hull is a little larger than the relic, never smaller but for the rim of pixels.
    assert 0.68 < np.ptp(ours, axis=0).max() < 0.82
    seen = posed.views
    for number in range(len(seen)):
        camera = cameras.Camera(
            cam_from_world=seen.camera.cam_from_world[number],
            pixel_from_cam=seen.camera.pixel_from_cam[number],
        )
        uv, depth = cameras.project(camera, np.float32(ours))
        uv = np.asarray(uv)
        assert np.asarray(depth).min() > 0
        rows, columns = np.nonzero(seen.mask[number] > 0.5)
        for axis, found in enumerate((columns, rows)):
            assert uv[:, axis].min() == pytest.approx(found.min(), abs=1.2)
            assert uv[:, axis].max() == pytest.approx(found.max() + 1, abs=1.2)


def test_pixels_are_as_large_on_the_object_as_in_training(posed):
    lens = np.asarray(posed.views.camera.pixel_from_cam)
    depth = np.asarray(posed.views.camera.cam_from_world)[:, 2, 3]
    np.testing.assert_allclose(lens[:, 0, 0] / depth, 280 / 256 * SIZE / 1.2, rtol=0.01)
    middle = np.einsum("nij,nj->ni", lens, posed.views.camera.cam_from_world[:, :3, 3])
    np.testing.assert_allclose(middle[:, :2] / middle[:, 2:], SIZE / 2, atol=0.5)
    rotations = np.float64(posed.views.camera.cam_from_world)[:, :3, :3]
    np.testing.assert_allclose(
        rotations @ rotations.transpose(0, 2, 1), np.tile(np.eye(3), (6, 1, 1)), atol=1e-6
    )


def test_the_background_is_white_and_the_object_keeps_its_colours(posed):
    assert posed.views.rgb.dtype == posed.views.mask.dtype == np.float32
    assert (posed.views.rgb[posed.views.mask == 0] == 1).all()
    inside = posed.views.rgb[posed.views.mask == 1]
    true = np.concatenate([shot.bgra[shot.mask][:, 2::-1] for shot in SHOTS]) / 255
    np.testing.assert_allclose(inside.mean(axis=0), true.mean(axis=0), atol=0.02)


def test_masks_from_files_serve_as_transparency_does(posed, tmp_path):
    folder = posed_folders.write_photographs(tmp_path / "v", SHOTS, masks=tmp_path / "m")
    path = posed_folders.write_schema(tmp_path / "p.json", SHOTS)
    found = read(folder, path, masks=tmp_path / "m")
    np.testing.assert_array_equal(found.views.mask, posed.views.mask)
    assert f"(mask {tmp_path / 'm' / 'shot_0.png'})" in found.views.names[0]


def test_objects_are_found_where_nobody_has_masked_them(posed, tmp_path):
    folder = posed_folders.write_photographs(tmp_path / "v", SHOTS, masks=tmp_path / "m")
    path = posed_folders.write_schema(tmp_path / "p.json", SHOTS)
    found = read(folder, path, find=salient.find)
    assert np.mean((found.views.mask > 0.5) != (posed.views.mask > 0.5)) < 0.02


@pytest.mark.parametrize("up", ["x", "-x", "y", "-y", "z", "-z"])
def test_up_becomes_z(up):
    poses = pose_files.PoseFile(
        path=None, format="", reading="world-to-camera, OpenCV axes", up=None, poses=()
    )
    direction = posed_photographs.up_direction(up, poses)[0]
    turn = placement.shortest_turn(np.array([0.0, 0.0, 1.0]), direction)
    np.testing.assert_allclose(turn @ [0, 0, 1], direction, atol=1e-12)
    np.testing.assert_allclose(turn @ turn.T, np.eye(3), atol=1e-12)
    assert np.linalg.det(turn) == pytest.approx(1)


def test_a_world_without_up_takes_it_from_the_cameras(tmp_path):
    level = posed_folders.shots(count=6, size=16)
    poses = pose_files.read(posed_folders.write_colmap(tmp_path / "a", level))
    assert posed_photographs.up_direction("auto", poses)[0] @ [0, 0, 1] > 0.99
    rolled = [
        dataclasses.replace(
            shot,
            cam_from_world=np.diag([-1.0, -1, 1, 1]) @ shot.cam_from_world
            if n % 2
            else shot.cam_from_world,
        )
        for n, shot in enumerate(level)
    ]
    poses = pose_files.read(posed_folders.write_colmap(tmp_path / "b", rolled))
    with pytest.raises(UserError, match=r"the cameras have no common up .* --up z"):
        posed_photographs.up_direction("auto", poses)


def test_meshes_go_back_to_the_world_of_the_poses(posed):
    """z is up there, so upright it is the same world; with y up, files have its coordinates."""
    world = posed.world_from_ours
    points = np.random.default_rng(0).normal(size=(5, 3))
    mesh = meshes.Mesh(vertices=points, faces=np.zeros((1, 3), int))
    there = points @ world[:3, :3].T + world[:3, 3]
    np.testing.assert_allclose(posed_photographs.placed(mesh, world).vertices, there, atol=1e-9)
    upright = posed_photographs.upright_from_ours(world)
    np.testing.assert_allclose(upright, world, atol=1e-9)
    turned = world.copy()
    turned[:3, :3] = placement.shortest_turn(
        np.array([0.0, 0, 1]), np.array([0.0, 1, 0])
    ) * np.cbrt(np.linalg.det(world[:3, :3]))
    there = points @ turned[:3, :3].T + turned[:3, 3]
    found = posed_photographs.placed(mesh, posed_photographs.upright_from_ours(turned)).vertices
    np.testing.assert_allclose(found @ files.GLTF_FROM_WORLD.T, there, atol=1e-9)


def test_a_world_whose_origin_is_far_is_moved_near(posed):
    """Coordinates of surveyors have millions of metres, and files seven digits."""
    np.testing.assert_array_equal(posed_photographs.far_offset(posed.world_from_ours), 0)
    far = posed.world_from_ours.copy()
    far[:3, 3] += 500_000.25, 4_000_000.5, 0
    offset = posed_photographs.far_offset(far)
    assert np.abs(far[:3, 3] - offset).max() <= 0.5


def test_it_is_said_which_axis_is_up_and_who_says_so(folder, posed, tmp_path):
    assert posed.up_words() == "up is z (the rule of schema jaxrelic.poses/1)"
    sparse = posed_folders.write_colmap(tmp_path / "sparse", SHOTS)
    assert read(folder, sparse, up="-y").up_words() == "up is -y (as --up says)"
    assert read(folder, sparse).up_words() == "up is z (as the cameras were held)"
    leaning = dataclasses.replace(posed, up=np.array([0.6, 0.0, -0.8]), up_source="so")
    assert leaning.up_words() == "up is (0.60, 0.00, -0.80), nearest to -z (so)"


def test_photographs_of_another_size_take_scaled_intrinsics(folder, posed, tmp_path, caplog):
    """The same photographs, and poses of a program that had them half as large."""
    (fx, _, cx), (_, fy, cy), _ = (SHOTS[0].pixel_from_cam / 2).tolist()
    half = [[fx, 0, cx], [0, fy, cy], [0, 0, 1]]
    path = posed_folders.write_schema(
        tmp_path / "p.json", SHOTS, width=48, height=48, pixel_from_cam=half
    )
    with caplog.at_level("INFO"):
        found = read(folder, path)
    assert "6 of 6 pictures have another size than their intrinsics are for" in caplog.text
    np.testing.assert_allclose(
        found.views.camera.pixel_from_cam, posed.views.camera.pixel_from_cam, rtol=1e-5
    )


def test_lenses_that_bend_are_straightened(folder, posed, tmp_path):
    """Photographs bent by OpenCV's own formula, the inverse of what the reader does."""
    k1 = 0.15
    lens = SHOTS[0].pixel_from_cam
    bent = []
    for shot in SHOTS:
        centres = np.stack(np.meshgrid(np.arange(96) + 0.5, np.arange(96) + 0.5), axis=-1)
        distorted = (centres - lens[:2, 2]) / lens[0, 0]
        straight = distorted.copy()
        for _ in range(50):
            straight = distorted / (1 + k1 * np.sum(straight**2, axis=-1, keepdims=True))
        place = np.float32(straight * lens[0, 0] + lens[:2, 2] - 0.5)
        image = posed_folders.cv2.remap(shot.bgra, place, None, posed_folders.cv2.INTER_LINEAR)
        bent.append(dataclasses.replace(shot, bgra=image))
    photographs = posed_folders.write_photographs(tmp_path / "bent", bent)
    path = posed_folders.write_transforms(tmp_path / "t.json", SHOTS, k1=k1)
    found = read(photographs, path)
    assert np.mean(np.abs(found.views.mask - posed.views.mask)) < 0.006
    np.testing.assert_allclose(found.world_from_ours, posed.world_from_ours, atol=0.06)


def spoiled(tmp_path, number, change):
    """The good photographs but for one, which `change` makes from its BGRA pixels."""
    taken = list(SHOTS)
    taken[number] = dataclasses.replace(SHOTS[number], bgra=change(SHOTS[number].bgra.copy()))
    return posed_folders.write_photographs(tmp_path / "views", taken)


def without_object(bgra):
    bgra[..., 3] = 0
    return bgra


@pytest.mark.parametrize(
    ("change", "words"),
    [
        (without_object, r"shot_2\.png: empty mask: the object covers 0.00%"),
        (lambda bgra: bgra[:, :70], r"shot_2\.png: wrong intrinsics: the picture is 70 x 96 px"),
    ],
)
def test_a_bad_photograph_is_named(tmp_path, change, words):
    folder = spoiled(tmp_path, 2, change)
    path = posed_folders.write_schema(tmp_path / "p.json", SHOTS)
    with pytest.raises(UserError, match=words):
        read(folder, path)


def test_a_full_mask_is_refused(tmp_path):
    folder = posed_folders.write_photographs(tmp_path / "v", SHOTS, masks=tmp_path / "m")
    PIL.Image.new("L", (96, 96), 255).save(tmp_path / "m" / "shot_4.png")
    path = posed_folders.write_schema(tmp_path / "p.json", SHOTS)
    with pytest.raises(UserError, match=r"shot_4\.png \(mask .*shot_4\.png\): full mask"):
        read(folder, path, masks=tmp_path / "m")


def test_a_principal_point_outside_is_refused(folder, tmp_path):
    path = posed_folders.write_transforms(tmp_path / "t.json", SHOTS, cx=480.0)
    with pytest.raises(UserError, match=r"shot_0\.png: wrong intrinsics: .* outside the picture"):
        read(folder, path)


def test_inverted_matrices_are_recognised(folder, tmp_path):
    path = posed_folders.write_schema(tmp_path / "p.json", SHOTS)
    content = json.loads(path.read_text())
    for view in content["views"]:
        view["world_from_cam"] = np.linalg.inv(view["world_from_cam"]).tolist()
    path.write_text(json.dumps(content))
    with pytest.raises(UserError, match="as world-to-camera, OpenGL axes they fit with overlap"):
        read(folder, path)


def test_swapped_photographs_are_traced(tmp_path):
    """Boxes seen from the side and from above are not the same to a camera."""
    swapped = list(SHOTS)
    for a, b in ((1, 2), (2, 1)):
        swapped[a] = dataclasses.replace(SHOTS[a], bgra=SHOTS[b].bgra)
    folder = posed_folders.write_photographs(tmp_path / "v", swapped)
    path = posed_folders.write_schema(tmp_path / "p.json", SHOTS)
    with pytest.raises(UserError, match="poses do not match the images"):
        read(folder, path)


def test_a_small_object_is_warned_of(folder, posed, tmp_path, caplog):
    path = posed_folders.write_schema(tmp_path / "p.json", SHOTS)
    read(folder, path, image_size=384)
    assert "px only, the network sees 384" in caplog.text


def test_of_many_photographs_the_most_different_are_kept(folder, posed, tmp_path):
    """Azimuths 0, 60, ... 300: after the first come the opposite one and those between."""
    path = posed_folders.write_schema(tmp_path / "p.json", SHOTS)
    found = read(folder, path, max_views=3)
    kept = [posed.views.names.index(name) for name in found.views.names]
    assert len(found.views) == len(kept) == 3
    assert kept == sorted(kept)
    assert kept[0] == 0
    assert 3 in kept
    np.testing.assert_array_equal(found.views.rgb, posed.views.rgb[kept])
    np.testing.assert_array_equal(found.world_from_ours, posed.world_from_ours)
    assert found.summary().startswith("3 of 6 views")


def test_the_summary_names_the_worst_view(posed):
    worst = min(posed.overlaps, key=posed.overlaps.get)
    assert posed.summary().startswith(
        "6 views, overlap with their visual hull 1.000 or more (worst: "
    )
    assert worst in posed.summary()


def turned_by_half(folder, taken):
    """Pictures stored upside down with the note that turns them upright."""
    folder.mkdir()
    for shot in taken:
        image = PIL.Image.fromarray(shot.bgra[..., [2, 1, 0, 3]])
        exif = PIL.Image.Exif()
        exif[0x0112] = 3
        image.transpose(PIL.Image.Transpose.ROTATE_180).save(folder / f"{shot.name}.png", exif=exif)
    return folder


def test_pictures_that_fit_upright_only_are_turned_and_it_is_said(posed, tmp_path, caplog):
    folder = turned_by_half(tmp_path / "v", SHOTS)
    path = posed_folders.write_schema(tmp_path / "p.json", SHOTS)
    found = read(folder, path)
    np.testing.assert_allclose(found.views.mask, posed.views.mask, atol=1e-5)
    np.testing.assert_allclose(found.world_from_ours, posed.world_from_ours, atol=1e-6)
    assert "6 pictures are stored turned (EXIF orientation 3 in" in caplog.text


def test_pictures_that_fit_as_they_are_stored_stay_so(posed, tmp_path, caplog):
    """COLMAP and others pass over the note, so that poses are about the stored pixels."""
    upside_down = [
        dataclasses.replace(shot, cam_from_world=np.diag([-1.0, -1, 1, 1]) @ shot.cam_from_world)
        for shot in SHOTS
    ]
    folder = turned_by_half(tmp_path / "v", SHOTS)
    path = posed_folders.write_schema(tmp_path / "p.json", upside_down)
    found = read(folder, path)
    np.testing.assert_allclose(found.world_from_ours, posed.world_from_ours, atol=1e-2)
    assert "stored turned" not in caplog.text


def test_an_object_that_is_found_is_turned_with_its_picture(posed, tmp_path):
    folder = tmp_path / "v"
    turned_by_half(folder, SHOTS)
    for shot in SHOTS:
        path = folder / f"{shot.name}.png"
        image = PIL.Image.open(path)
        exif = image.getexif()
        image.convert("RGB").save(path, exif=exif)
    asked = []

    def find(rgb):
        asked.append(1)
        return np.float32((rgb != rgb[0, 0]).any(axis=-1))

    path = posed_folders.write_schema(tmp_path / "p.json", SHOTS)
    found = read(folder, path, find=find)
    assert len(asked) == 6
    assert np.mean(np.abs(found.views.mask - posed.views.mask)) < 0.01


def test_masks_that_the_pose_file_names_are_used_or_missed(posed, tmp_path, caplog):
    folder = posed_folders.write_photographs(tmp_path / "images", SHOTS, masks=tmp_path / "masks")
    path = posed_folders.write_transforms(tmp_path / "transforms.json", SHOTS)
    content = json.loads(path.read_text())
    for frame, shot in zip(content["frames"], SHOTS, strict=True):
        frame["mask_path"] = f"masks/{shot.name}.png"
    path.write_text(json.dumps(content))
    for views in (folder, tmp_path):
        found = read(views, path)
        np.testing.assert_allclose(found.views.mask, posed.views.mask, atol=1e-5)
    (tmp_path / "masks" / "shot_2.png").unlink()
    with pytest.raises(UserError, match=r"names masks \(mask_path\) that are not there: .*shot_2"):
        read(folder, path)


def test_intrinsics_of_larger_pictures_without_their_size_are_named(folder, tmp_path):
    (fx, _, cx), (_, fy, cy), _ = (1.5 * SHOTS[0].pixel_from_cam).tolist()
    lens = {"fl_x": fx, "fl_y": fy, "cx": cx, "cy": cy, "w": None, "h": None}
    path = posed_folders.write_transforms(tmp_path / "t.json", SHOTS, **lens)
    words = r"without a size \(w, h\): .* middle of a picture of 144 x 144 px.* fit with overlap"
    with pytest.raises(UserError, match=words):
        read(folder, path)


def test_masks_the_wrong_way_round_are_refused(tmp_path):
    folder = posed_folders.write_photographs(tmp_path / "v", SHOTS, masks=tmp_path / "m")
    for path in (tmp_path / "m").iterdir():
        mask = 255 - np.asarray(PIL.Image.open(path))
        PIL.Image.fromarray(mask).save(path)
    path = posed_folders.write_schema(tmp_path / "p.json", SHOTS)
    with pytest.raises(UserError, match="masks are the other way round in 6 of 6 pictures"):
        read(folder, path, masks=tmp_path / "m")

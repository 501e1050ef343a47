"""Polycam's, Metashape's and RealityScan's exports say what our own file says of the cameras.

The files are written here by the rules of each program's documentation.
"""

import json

import numpy as np
import posed_folders
import pytest
import scipy.spatial.transform

from jaxrelic.data import pose_files
from jaxrelic.errors import UserError

SHOTS = posed_folders.shots(count=3, size=32)
(FX, _, CX), (_, FY, CY), _ = SHOTS[0].pixel_from_cam.tolist()
Y_UP = np.array([[1, 0, 0, 0], [0, 0, 1, 0], [0, -1, 0, 0], [0, 0, 0, 1.0]])
"""From a world with z up to one with y up."""


def opencv_world_from_cam(shot):
    return np.linalg.inv(shot.cam_from_world)


def write_polycam(folder, changes=None):
    cameras = folder / "keyframes" / "corrected_cameras"
    for name in ("corrected_cameras", "corrected_images", "images"):
        (folder / "keyframes" / name).mkdir(parents=True)
    for shot in SHOTS:
        matrix = Y_UP @ np.array(posed_folders.world_from_cam(shot))
        page = {f"t_{row}{column}": matrix[row, column] for row in range(3) for column in range(4)}
        page |= {"fx": FX, "fy": FY, "cx": CX, "cy": CY, "width": 32, "height": 32}
        page = {key: value for key, value in (page | (changes or {})).items() if value is not None}
        (cameras / f"{shot.name}.json").write_text(json.dumps(page | {"blur_score": 40.5}))
    return folder


def text_of(matrix):
    return " ".join(map(repr, np.ravel(matrix).tolist()))


def write_metashape(path, *, scale=2.5, sensor="", kind="frame", chunks=1):
    turn = scipy.spatial.transform.Rotation.from_euler("xyz", [20, -30, 50], degrees=True)
    world_from_chunk = np.eye(4)
    world_from_chunk[:3, :3], world_from_chunk[:3, 3] = scale * turn.as_matrix(), (3.0, -4.0, 5.0)
    cameras = []
    for number, shot in enumerate(SHOTS):
        pose = np.linalg.inv(world_from_chunk) @ opencv_world_from_cam(shot)
        pose[:3, :3] *= scale
        cameras.append(
            f'<camera id="{number}" sensor_id="1" component_id="0" label="{shot.name}">'
            f"<transform>{text_of(pose)}</transform></camera>"
        )
    cameras.append('<camera id="9" sensor_id="1" label="not_aligned"></camera>')
    chunk = f"""<chunk label="c"><sensors><sensor id="1" type="{kind}">
        <resolution width="32" height="32"/>
        <calibration type="frame" class="initial"><f>999</f></calibration>
        <calibration type="frame" class="adjusted"><resolution width="32" height="32"/>
        <f>{FY!r}</f><cx>{CX - 16!r}</cx><cy>{CY - 16!r}</cy><b1>{FX - FY!r}</b1>
        <k1>0.1</k1><k2>0.2</k2><k3>0.3</k3><p1>0.01</p1><p2>0.02</p2>{sensor}</calibration>
        </sensor></sensors><components><component id="0"><transform>
        <rotation>{text_of(turn.as_matrix())}</rotation><translation>3 -4 5</translation>
        <scale>{scale}</scale></transform></component></components>
        <cameras>{"".join(cameras)}</cameras></chunk>"""
    head = '\ufeff<?xml version="1.0" encoding="UTF-8"?>\n<document version="2.0.0">'
    path.write_text(f"{head}{chunk * chunks}</document>")
    return path


def write_csv(path, *, k4=0.0, columns=None):
    lines = [columns or "#name,x,y,alt,heading,pitch,roll,f,px,py,k1,k2,k3,k4,t1,t2"]
    for shot in SHOTS:
        matrix = np.array(posed_folders.world_from_cam(shot))
        turned = scipy.spatial.transform.Rotation.from_matrix(matrix[:3, :3])
        yaw, pitch, roll = turned.as_euler("ZXY", degrees=True)
        numbers = [*matrix[:3, 3], -yaw, pitch, roll, 36 * FX / 32, 0, 0, 0.1, 0.2, 0.3, k4, 0, 0]
        lines.append(",".join([f"{shot.name}.jpg", *(repr(float(n)) for n in numbers)]))
    path.write_bytes(b"\xef\xbb\xbf" + "\r\n".join([*lines, ""]).encode())
    return path


XMP = """<x:xmpmeta xmlns:x="adobe:ns:meta/">
  <rdf:RDF xmlns:rdf="http://www.w3.org/1999/02/22-rdf-syntax-ns#">
    <rdf:Description xcr:Version="3" xcr:PosePrior="initial" xcr:Coordinates="absolute"
       xcr:DistortionModel="brown3" xcr:FocalLength35mm="{focal!r}" xcr:Skew="0"
       xcr:PrincipalPointU="0.01" xcr:PrincipalPointV="-0.02"
       xmlns:xcr="http://www.capturingreality.com/ns/xcr/1.1#">
      <xcr:Rotation>{rotation}</xcr:Rotation>
      <xcr:Position>{place}</xcr:Position>
      <xcr:DistortionCoeficients>0.1 0.2 0.3 0 0 0</xcr:DistortionCoeficients>
    </rdf:Description>
  </rdf:RDF>
</x:xmpmeta>"""


def write_xmp(folder):
    folder.mkdir()
    for shot in SHOTS:
        page = XMP.format(
            focal=36 * FX / 32,
            rotation=text_of(shot.cam_from_world[:3, :3]),
            place=text_of(opencv_world_from_cam(shot)[:3, 3]),
        )
        (folder / f"{shot.name}.xmp").write_text(page)
    return folder


def check(found, *, world=None, atol=1e-9):
    assert len(found.poses) == 3
    for pose, shot in zip(found.poses, SHOTS, strict=True):
        assert pose.name.startswith(shot.name)
        expected = shot.cam_from_world if world is None else shot.cam_from_world @ world.T
        np.testing.assert_allclose(pose.cam_from_world, expected, atol=atol)


def test_polycams_keyframes_are_read_from_any_of_their_folders(tmp_path):
    folder = write_polycam(tmp_path)
    cameras = folder / "keyframes" / "corrected_cameras"
    for place in (folder, folder / "keyframes", cameras):
        found = pose_files.read(place)
        check(found, world=Y_UP)
        np.testing.assert_array_equal(found.up, [0, 1, 0])
        np.testing.assert_allclose(found.poses[0].intrinsics(32, 32), SHOTS[0].pixel_from_cam)
        assert found.folders == (folder / "keyframes" / "corrected_images",)


def test_metashapes_cameras_are_in_the_world_of_their_component(tmp_path):
    found = pose_files.read(write_metashape(tmp_path / "cameras.xml"))
    check(found)
    np.testing.assert_allclose(found.poses[0].intrinsics(32, 32), SHOTS[0].pixel_from_cam)
    assert found.poses[0].distortion == (0.1, 0.2, 0.02, 0.01, 0.3)
    assert found.up is None


def test_realityscans_table_has_headings_and_a_lens_of_36_mm(tmp_path):
    found = pose_files.read(write_csv(tmp_path / "cameras.csv"))
    check(found)
    np.testing.assert_allclose(found.poses[0].intrinsics(32, 32), SHOTS[0].pixel_from_cam)
    np.testing.assert_allclose(
        found.poses[0].intrinsics(64, 48), [[2 * FX, 0, 32], [0, 2 * FX, 24], [0, 0, 1]]
    )
    assert found.poses[0].distortion == (0.1, 0.2, 0, 0, 0.3)
    np.testing.assert_array_equal(found.up, [0, 0, 1])


def test_realityscans_xmp_lies_beside_the_photographs(tmp_path):
    folder = write_xmp(tmp_path / "images")
    (folder / "other.xmp").write_text("<x:xmpmeta xmlns:x='adobe:ns:meta/'/>")
    found = pose_files.read(folder)
    check(found)
    np.testing.assert_allclose(
        found.poses[0].intrinsics(32, 32), [[FX, 0, 16.32], [0, FX, 15.36], [0, 0, 1]]
    )


def refusal(path):
    with pytest.raises(UserError) as refused:
        pose_files.read(path)
    message = str(refused.value)
    assert "\n" not in message
    return message


def test_what_cannot_be_used_is_named(tmp_path):
    assert "no 'fx'" in refusal(write_polycam(tmp_path / "p", {"fx": None}))
    assert "k4 is 0.5" in refusal(write_csv(tmp_path / "a.csv", k4=0.5))
    some = write_csv(tmp_path / "b.csv", columns="#name,x,y,alt")
    assert "no column heading, pitch, roll, f" in refusal(some)
    assert "shot_0: its lens has a k4" in refusal(
        write_metashape(tmp_path / "c.xml", sensor="<k4>0.1</k4>")
    )
    assert "of type fisheye" in refusal(write_metashape(tmp_path / "d.xml", kind="fisheye"))
    assert "2 chunks" in refusal(write_metashape(tmp_path / "e.xml", chunks=2))
    broken = tmp_path / "f.xml"
    broken.write_text('<?xml version="1.0"?><document><chunk>')
    assert "is not XML" in refusal(broken)
    broken.write_text("<document><chunk/></document>")
    assert "places no photograph" in refusal(broken)
    bomb = tmp_path / "g.xml"
    bomb.write_text('<!DOCTYPE d [<!ENTITY a "aaaa">]><document>&a;</document>')
    assert "entities" in refusal(bomb)

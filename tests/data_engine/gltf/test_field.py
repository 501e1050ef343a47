"""glTF as exporters and servers really leave it is taken, or refused for the true reason."""

import base64
import json

import pytest
from field_folders import cases, enter_all, needs_field, size_of
from gltf_documents import BINARY, changed, png, read, tetrahedron, with_image

from data_engine.errors import Refusal
from data_engine.gltf.checks import check_document
from data_engine.gltf.container import parse_glb
from data_engine.gltf.document import table
from data_engine.gltf.pack import Neighbours, pack_gltf, tidied, write_glb
from data_engine.gltf.reader import load_geometry, read_geometry
from data_engine.identity import duplicates

TAKEN = [name for name in cases("K6", "K8") if name.startswith("g_")]


@pytest.fixture(scope="module")
def found(tmp_path_factory):
    """The glTF folders of the field, validated without looking for repeats: all are one box."""
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr("data_engine.catalog.records.Records.same_geometry", lambda *_: None)
        none = duplicates.DuplicatesReport()
        patch.setattr("data_engine.validate.find_duplicates", lambda *_, **__: none)
        return enter_all([*TAKEN, *cases("K9")], tmp_path_factory.mktemp("field"))


@needs_field
@pytest.mark.parametrize("name", TAKEN)
def test_a_sound_file_of_the_field_is_taken_in_its_true_size(name, found):
    relic, right = found[name], cases("K6", "K8")[name]["numbers"]
    assert (relic.state, relic.detail) == ("validated", "")
    assert (size_of(relic), relic.triangles) == (right["size"], right["tris"])


@needs_field
@pytest.mark.parametrize("name", cases("K9"))
def test_a_malformed_file_of_the_field_is_refused_with_a_sentence(name, found):
    assert (found[name].state, found[name].reason) == ("rejected", "bad_glb")


@pytest.mark.parametrize(
    ("path", "value", "words"),
    [
        ("meshes/0/primitives/0", {"indices": 1}, "a primitive of mesh 0 has no attributes"),
        ("accessors/0/componentType", [5126], "componentType of accessor 0 is .5126."),
        ("accessors/0/componentType", 5126.0, "componentType of accessor 0 is 5126.0"),
        ("accessors/0/type", {"VEC3": 1}, "type of accessor 0 is"),
        ("accessors/0/type", None, "type of accessor 0 is None"),
    ],
)
def test_a_value_of_the_wrong_kind_is_refused_by_name(path, value, words):
    with pytest.raises(Refusal, match=words) as refusal:
        read(changed(path, value))
    assert refusal.value.reason == "bad_glb"


def test_bytes_behind_the_end_are_cut_off():
    data = write_glb(tetrahedron(), BINARY)
    assert tidied(data) is data
    assert tidied(data + b"\r\n") == data
    assert len(read_geometry(check_document(parse_glb(data + b"\r\n"))).faces) == 4


def unused_picture() -> dict:
    """A document whose second image, a missing file, no material shows."""
    document = with_image(png(2, 2))
    document["images"].insert(0, {"uri": "thumbnail.tif"})
    document["textures"] = [{"source": 0}, {"source": 1}]
    document["materials"] = [{"emissiveTexture": {"index": 1}}]
    return document


def test_a_picture_that_nothing_shows_may_be_missing():
    for glb in (tidied(write_glb(unused_picture(), BINARY)), packed(unused_picture())):
        document = check_document(parse_glb(glb)).document
        assert len(document["images"]) == 1
        assert document["textures"] == [{}, {"source": 0}]


def packed(document: dict, folder=".") -> bytes:
    """The GLB of a glTF whose buffer is in it."""
    uri = f"data:;base64,{base64.b64encode(BINARY).decode()}"
    whole = document | {"buffers": [{"byteLength": len(BINARY), "uri": uri}]}
    return pack_gltf(json.dumps(whole).encode(), Neighbours(folder))


def test_a_missing_picture_that_a_material_shows_is_still_missed(tmp_path):
    document = with_image(png(2, 2)) | {"images": [{"uri": "skin.png"}]}
    with pytest.raises(Refusal, match=r"gone: it refers to 'skin\.png'"):
        packed(document, tmp_path)


def test_names_are_found_in_other_case_and_behind_backslashes(tmp_path):
    (tmp_path / "Textures").mkdir()
    (tmp_path / "Textures" / "SKIN.png").write_bytes(png(2, 2))
    for uri in ("textures\\skin.PNG", "textures/Skin.png", "Textures/SKIN.png"):
        glb = packed(with_image(png(1, 1)) | {"images": [{"uri": uri}]}, tmp_path)
        assert table(parse_glb(glb).document, "images")[0]["mimeType"] == "image/png"


def test_a_name_that_two_files_share_but_for_case_is_not_guessed(tmp_path):
    for name in ("Skin.png", "SKIN.png"):
        (tmp_path / name).write_bytes(png(2, 2))
    with pytest.raises(Refusal, match="gone"):
        Neighbours(tmp_path).read("skin.png")


def test_half_a_character_in_a_name_is_written_as_a_question_mark():
    glb = packed(changed("nodes/0/name", "\ud800 vase"))
    assert parse_glb(glb).document["nodes"][0]["name"] == "? vase"


@pytest.mark.parametrize("uri", ["..\\a.png", "a\\..\\..\\a.png", "\\a.png", "C:\\a.png"])
def test_a_backslash_leads_no_more_out_than_a_slash(uri, tmp_path):
    (tmp_path / "inner").mkdir()
    (tmp_path / "a.png").write_bytes(png(2, 2))
    with pytest.raises(Refusal, match="external_uri"):
        Neighbours(tmp_path / "inner").read(uri)


def with_basis(**texture) -> dict:
    document = with_image(png(2, 2))
    ktx = base64.b64encode(b"\xabKTX 20\xbb\r\n\x1a\n").decode()
    document["images"].append({"uri": f"data:image/ktx2;base64,{ktx}"})
    basis = {"extensions": {"KHR_texture_basisu": {"source": 1}}}
    return document | {"textures": [basis | texture], "extensionsUsed": ["KHR_texture_basisu"]}


def test_a_basis_picture_beside_a_plain_one_is_passed_over():
    assert len(read(with_basis(source=0)).faces) == 4


def test_a_basis_picture_alone_is_refused_with_the_remedy():
    with pytest.raises(Refusal, match=r"unsupported_extension.*texture 0.*store its pictures as"):
        read(with_basis())


def test_large_is_no_bomb_and_a_promise_is():
    honest = with_image(png(8193, 8192) + bytes(1 << 17))
    for document, reason in ((honest, "too_large"), (with_image(png(8193, 8192)), "bomb")):
        with pytest.raises(Refusal, match="8193 x 8192 pixels; at most") as refusal:
            read(document)
        assert refusal.value.reason == reason


@pytest.mark.parametrize(
    ("document", "words"),
    [
        (changed("meshes/0/primitives/0/mode", 0), "its meshes are points"),
        (changed("meshes/0/primitives/0/mode", 1), "its meshes are lines"),
        (changed("nodes", [{}, {"mesh": 0}]), "1 of its meshes are not in that scene"),
    ],
)
def test_a_file_without_a_triangle_says_what_it_has(document, words):
    with pytest.raises(Refusal, match=words) as refusal:
        read(document)
    assert refusal.value.reason == "no_mesh"


def test_meshes_outside_the_default_scene_do_not_count(tmp_path):
    """A dense copy that no scene shows makes nobody's file too large."""
    document = tetrahedron()
    document["accessors"].append({"componentType": 5126, "count": 16_000_000, "type": "VEC3"})
    document["meshes"].append({"primitives": [{"attributes": {"POSITION": 2}}]})
    document["nodes"].append({"mesh": 1})
    (tmp_path / "a.glb").write_bytes(write_glb(document, BINARY))
    assert len(load_geometry(tmp_path / "a.glb").faces) == 4

"""How relics look, in bits: little changes flip few of them, and alike is reported, not joined."""

import uuid

import cv2
import numpy as np
import pytest
import trimesh

from data_engine.catalog.catalog import Catalog
from data_engine.cli import main
from data_engine.errors import UserError
from data_engine.identity import look_alikes
from data_engine.identity.clusters import NEAR, judge, settle
from data_engine.rendering import appearance, views
from data_engine.rendering.child import RenderLimits
from data_engine.rendering.queue import RenderQueue
from data_engine.rendering.settings import RenderSettings

SETTINGS = RenderSettings(engine="raycast", poses="sphere:3", size=32)


def picture(seed: int, size: int = 96) -> np.ndarray:
    """A smooth pattern in a disc, BGR and alpha, as a view of a relic is."""
    rng = np.random.default_rng(seed)
    colours = cv2.resize(
        rng.uniform(20, 235, (6, 6, 3)), (size, size), interpolation=cv2.INTER_CUBIC
    )
    y, x = np.mgrid[:size, :size] / size - 0.5
    alpha = 255 * (x**2 + (y * (1 + 0.1 * seed)) ** 2 < 0.16)
    return np.dstack([np.clip(colours, 0, 255), alpha]).astype(np.uint8)


def test_encoding_again_and_noise_flip_far_fewer_bits_than_another_relic_does():
    relics = [[picture(10 * relic + view) for view in range(4)] for relic in range(6)]
    hashes = [appearance.hash_views(relic) for relic in relics]
    rng = np.random.default_rng(0)
    for relic, own in zip(relics, hashes, strict=True):
        noisy, encoded = [view.copy() for view in relic], [view.copy() for view in relic]
        for view in noisy:
            colours = view[..., :3] + rng.normal(0, 6, view[..., :3].shape)
            view[..., :3] = np.clip(colours, 0, 255)
        for view in encoded:
            jpeg = cv2.imencode(".jpg", view[..., :3], [cv2.IMWRITE_JPEG_QUALITY, 60])[1]
            view[..., :3] = cv2.imdecode(jpeg, cv2.IMREAD_COLOR)
        for copy in (noisy, encoded):
            assert appearance.distance(own, appearance.hash_views(copy)) < appearance.ALIKE / 2
        assert all(
            appearance.distance(own, other) > 2 * appearance.ALIKE
            for other in hashes
            if other is not own
        )


def test_colours_behind_transparent_pixels_do_not_count():
    view = picture(1)
    hidden = np.where(view[..., 3:] > 0, view, [250, 3, 90, 0]).astype(np.uint8)
    assert appearance.hash_views([view]) == appearance.hash_views([hidden])


def test_a_mirrored_view_swaps_right_and_left_bits_alone():
    bits = appearance._view_bits(picture(2)).reshape(2, 2, appearance.CELLS, appearance.CELLS)
    mirrored = appearance._view_bits(np.ascontiguousarray(picture(2)[:, ::-1]))
    mirrored = mirrored.reshape(bits.shape)
    (brighter, darker), (brighter_m, darker_m) = bits[:, 0], mirrored[:, 0]
    np.testing.assert_array_equal(brighter, darker_m[:, ::-1])
    np.testing.assert_array_equal(darker, brighter_m[:, ::-1])
    np.testing.assert_array_equal(bits[:, 1], mirrored[:, 1, :, ::-1])
    assert bits.sum() > 20


@pytest.mark.parametrize("rows", [3, 64])
def test_the_pairs_are_those_that_comparing_all_with_all_finds(rows, monkeypatch):
    monkeypatch.setattr(appearance, "ROWS", rows)
    rng = np.random.default_rng(3)
    seeds = rng.random((9, 1024)) < 0.2
    table = np.repeat(seeds, 5, axis=0) ^ (rng.random((45, 1024)) < 0.012)
    hashes = [np.packbits(row).tobytes().hex() for row in table]
    groups = rng.integers(0, 25, 45)
    wanted = sorted(
        (float(np.mean(table[i] ^ table[j])), i, j)
        for i in range(45)
        for j in range(i + 1, 45)
        if np.mean(table[i] ^ table[j]) < appearance.ALIKE and groups[i] != groups[j]
    )
    assert 20 < len(wanted) < 90  # On both sides of the threshold
    found, count = appearance.alike(hashes, groups, most=15)
    assert (found, count) == ([(i, j, share) for share, i, j in wanted[:15]], len(wanted))
    assert appearance.alike([], [], most=3) == ([], 0)


def test_many_views_are_thinned_out_and_few_are_not():
    assert appearance.choose_views(range(8)) == list(range(8))
    chosen = appearance.choose_views(range(100))
    assert len(chosen) <= appearance.VIEWS
    assert (chosen[0], len(set(np.diff(chosen)))) == (0, 1)


def uid_of(number: int) -> str:
    return str(uuid.uuid5(uuid.NAMESPACE_URL, f"appearance:{number}"))


@pytest.fixture
def catalog(workspace):
    """Four rendered relics: 0, 1 and 3 look alike, 2 does not; 3 is of another render."""
    with Catalog(workspace.catalog_path) as catalog:
        for number in range(4):
            looks = appearance.hash_views([picture(7 if number == 2 else 5)])
            fields = {"render_id": "other" if number == 3 else "one", "appearance_hash": looks}
            catalog.add({"uid": uid_of(number), "state": "rendered", **fields})
        settle(catalog)
        yield catalog


def found(catalog) -> list[tuple[str, str]]:
    return [(pair["a"], pair["b"]) for pair in look_alikes.find_look_alikes(catalog).pairs]


def test_relics_that_look_alike_are_reported_and_stay_apart_until_a_human_speaks(catalog):
    pair = tuple(sorted((uid_of(0), uid_of(1))))
    assert found(catalog) == [pair]
    assert {relic.cluster for relic in catalog.relics()} == {uid_of(n) for n in range(4)}
    judge(catalog, *pair, "separate")
    assert found(catalog) == []
    judge(catalog, *pair, "join")
    assert found(catalog) == []
    assert catalog.get(uid_of(0)).cluster == catalog.get(uid_of(1)).cluster


def test_what_is_not_listed_is_counted(catalog, monkeypatch):
    for number in range(4, 8):
        looks = {"render_id": "one", "appearance_hash": catalog.get(uid_of(0)).appearance_hash}
        catalog.add({"uid": uid_of(number), "state": "rendered", **looks})
    judge(catalog, uid_of(0), uid_of(1), "separate")
    monkeypatch.setattr(look_alikes, "MOST", 5)
    listed = look_alikes.find_look_alikes(catalog)
    assert (len(listed.pairs), listed.unlisted) == (5, 15 - 1 - 5)


def test_the_listing_shows_how_pairs_joined_by_shape_look(catalog, workspace, capsys):
    pair = sorted((uid_of(0), uid_of(2)))
    catalog.execute("INSERT INTO pair (a, b, distance) VALUES (?, ?, ?)", [*pair, NEAR / 2])
    settle(catalog)
    share = look_alikes.appearance_between(catalog, *pair)
    assert share > appearance.ALIKE
    assert look_alikes.appearance_between(catalog, uid_of(0), uid_of(3)) is None
    assert main(["duplicates", "--workspace", str(workspace.root)]) == 0
    lines = capsys.readouterr().out.splitlines()
    joined = next(line for line in lines if line.startswith(f"pair {pair[0]} {pair[1]}"))
    assert joined.endswith(f"{100 * share:.2f} % of the looks differ")
    assert lines[-1].endswith("1 pairs that look alike")


def rendered_looks(workspace):
    RenderQueue(workspace, SETTINGS, RenderLimits(memory_gib=2), workers=1).run()
    with Catalog(workspace.catalog_path) as catalog:
        return {relic.uid: relic.appearance_hash for relic in catalog.relics("rendered")}


def test_the_render_stage_keeps_the_hash_of_what_it_wrote(workspace):
    with Catalog(workspace.catalog_path) as catalog:
        for number in range(2):
            mesh = trimesh.creation.box((1, 2, 3 + number))
            digest = workspace.store_blob(mesh.export(file_type="glb"))
            catalog.add({"uid": uid_of(number), "glb_sha256": digest, "state": "validated"})
    looks = rendered_looks(workspace)
    poses = SETTINGS.pose_set()
    for uid, text in looks.items():
        folder = workspace.render_dir(SETTINGS.render_id(), uid)
        assert len(text) == len(poses) * appearance.VIEW_BITS // 4
        assert text == views.appearance_of(folder, poses)
        assert "appearance" not in (folder / "meta.json").read_text()
    assert len(set(looks.values())) == 2
    # A catalog of an older version, then one that lost its word on a finished render.
    for lost in ({"appearance_hash": ""}, {"appearance_hash": "", "state": "validated"}):
        with Catalog(workspace.catalog_path) as catalog:
            for uid in looks:
                catalog.change(uid, "test", "forgot", **lost)
        assert rendered_looks(workspace) == looks
    (folder / views.image_name(poses.names[1])).write_bytes(b"not an image")
    with pytest.raises(UserError, match="damaged; delete"):
        views.appearance_of(folder, poses)

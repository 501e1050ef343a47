"""Batches of posed views: what the network sees, and the view it is to draw."""

import logging

import cv2
import numpy as np
import pytest

from jaxrelic.data import posed_view, synthetic
from jaxrelic.data.read_ahead import read_ahead
from jaxrelic.data.view_sets import batches as view_sets
from jaxrelic.data.view_sets import choice
from jaxrelic.data.view_sets import records as view_records
from jaxrelic.data.view_sets.batches import ViewSetData
from jaxrelic.data.view_sets.corruption import CorruptionConfig
from jaxrelic.data.view_sets.records import RelicViews
from jaxrelic.errors import UserError
from jaxrelic.geometry.directions import farthest_first

V, S = 5, 24


def config(**changes):
    settings = {"path": "synthetic", "batch_size": 3, "image_size": S, "num_sources": V}
    return ViewSetData(**(settings | changes))


def same(a, b):
    return all(np.array_equal(a[name], b[name]) for name in a | b)


def test_a_batch_has_the_fields_and_shapes_of_the_contract():
    batch = view_sets.batches(config(), seed=0)[0]
    assert {name: array.shape for name, array in batch.items()} == {
        "sources_rgb": (3, V, S, S, 3),
        "sources_mask": (3, V, S, S),
        "sources_cam_from_world": (3, V, 4, 4),
        "sources_pixel_from_cam": (3, V, 3, 3),
        "target_rgb": (3, S, S, 3),
        "target_mask": (3, S, S),
        "target_depth": (3, S, S),
        "target_cam_from_world": (3, 4, 4),
        "target_pixel_from_cam": (3, 3, 3),
        "reference_cam_from_world": (3, 4, 4),
        "reference_pixel_from_cam": (3, 3, 3),
        "relic_index": (3,),
    }
    for name, array in batch.items():
        assert array.dtype == (np.int32 if name == "relic_index" else np.float32), name
    for name in ("sources", "target"):
        around = batch[f"{name}_rgb"][batch[f"{name}_mask"] == 0]
        np.testing.assert_array_equal(around, 1)


@pytest.mark.parametrize(
    "corruption", [CorruptionConfig(), CorruptionConfig.moderate()], ids=["exact", "corrupted"]
)
def test_a_batch_is_a_function_of_seed_and_number_also_when_read_ahead(corruption):
    settings = config(corruption=corruption)
    first, again = (view_sets.batches(settings, seed=3) for _ in range(2))
    assert same(first[7], again[7])
    assert not same(first[7], first[8])
    assert not same(first[7], view_sets.batches(settings, seed=4)[7])
    assert same(next(read_ahead(again, 7, threads=2)), first[7])


def test_each_pass_shows_every_relic_once():
    settings = config(batch_size=4)
    assert view_sets.steps_per_pass(settings) == 4
    assert view_sets.steps_per_pass(config(batch_size=40)) == 1
    dataset = view_sets.batches(settings, seed=0)
    shown = np.concatenate([dataset[k]["relic_index"] for k in range(8)])
    assert sorted(shown[:16]) == sorted(shown[16:]) == list(range(16))
    assert list(shown[:16]) != list(shown[16:])


def test_splits_of_synthetic_relics_share_no_shape():
    uids = [
        {relic.uid for relic in view_sets.open_view_sets(config(split=split))}
        for split in ("train", "val")
    ]
    assert len(set.union(*uids)) == 2 * synthetic.NUM_RELICS
    with pytest.raises(UserError, match=r"no split 'dev'; set data\.split"):
        view_sets.open_view_sets(config(split="dev"))


def surface(depth, cam_from_world, pixel_from_cam):
    """World points of the pixels that have a depth, [p, 3]."""
    rows, columns = np.nonzero(depth)
    uv = np.stack([columns + 0.5, rows + 0.5, np.ones(len(rows))], axis=-1)
    points_cam = uv @ np.linalg.inv(pixel_from_cam).T * depth[rows, columns][:, None]
    return (points_cam - cam_from_world[:3, 3]) @ cam_from_world[:3, :3]


def pixels(points, cam_from_world, pixel_from_cam):
    """Rows and columns at which world points appear."""
    rays = (points @ cam_from_world[:3, :3].T + cam_from_world[:3, 3]) @ pixel_from_cam.T
    return np.floor(rays[:, 1::-1] / rays[:, 2:]).astype(int).T


def test_what_the_target_shows_lies_inside_every_source():
    """Both kinds of shape are convex, so all of a surface is within every outline."""
    batch = view_sets.batches(config(image_size=48), seed=0)[1]
    outside = np.zeros((3, V, V))  # Of points seen with camera v, of the outline of image w.
    for i in range(3):
        target = (batch["target_cam_from_world"][i], batch["target_pixel_from_cam"][i])
        points = surface(batch["target_depth"][i], *target)
        assert len(points) > 100
        # A pixel's width: depths are picked, not averaged, and have no half-covered pixels.
        outlines = [cv2.dilate(mask, np.ones((3, 3))) > 0 for mask in batch["sources_mask"][i]]
        for v in range(V):
            camera = batch["sources_cam_from_world"][i, v], batch["sources_pixel_from_cam"][i, v]
            places = pixels(points, *camera)
            outside[i, v] = [1 - np.mean(outline[*places]) for outline in outlines]
    assert outside[:, range(V), range(V)].max() == 0
    assert outside.mean() > 0.02  # Cameras of other images would have failed.


def test_corruption_changes_sources_alone_and_not_which_they_are():
    exact = view_sets.batches(config(), seed=0)[2]
    spoiled = view_sets.batches(config(corruption=CorruptionConfig.moderate()), seed=0)[2]
    changed = {name for name in exact if not np.array_equal(exact[name], spoiled[name])}
    assert changed == {"sources_rgb", "sources_mask", "sources_cam_from_world"}
    moved = spoiled["sources_cam_from_world"] - exact["sources_cam_from_world"]
    assert 0.005 < np.abs(moved).max() < 0.2  # 1.5 degrees are 0.026; other views are much farther.


def fake(names, neighbour, cam_from_world, *, empty=(), damaged=(), uid="pot"):
    """A relic whose views are told apart by their colour, view i being 0.01 i."""

    def read(index, *, with_depth):
        if names[index] in damaged:
            raise UserError(f"{names[index]}.png cannot be read")
        rgba = np.full((4, 4, 4), 0.01 * index, np.float32)
        rgba[..., 3] = 0 if names[index] in empty else 1
        return posed_view.View(
            rgba=rgba,
            depth=np.full((4, 4), 1.0 if with_depth else 0.0, np.float32),
            cam_from_world=cam_from_world[index],
            pixel_from_cam=np.eye(3, dtype=np.float32),
        )

    return RelicViews(
        uid=uid,
        names=tuple(names),
        neighbour=np.array(neighbour, np.int32),
        cam_from_world=cam_from_world,
        read=read,
    )


def staged(**changes):
    """Eight anchors, then four neighbours of each, as in the pose file of One-2-3-45."""
    names = [f"view_{i}" for i in range(8)]
    names += [f"view_{i}_{j}_10" for i in range(8) for j in range(4)]
    return fake(names, [-1] * 8 + [0, 1, 2, 3] * 8, synthetic.view_poses(40), **changes)


def ring(n=12, **changes):
    return fake([f"view_{i}" for i in range(n)], [-1] * n, synthetic.view_poses(n), **changes)


def draw(relic, selection, num_sources, seed):
    """Numbers of the sources, the target and the reference."""
    chosen = choice.choose(
        selection,
        relic,
        num_sources=num_sources,
        image_size=4,
        relic_index=0,
        rng=np.random.default_rng(seed),
    )
    assert chosen.target.depth.all()
    sources, target, reference = (
        [round(100 * float(view.rgba[0, 0, 0])) for view in views]
        for views in (chosen.sources, [chosen.target], [chosen.reference])
    )
    return sources, target[0], reference[0]


def test_two_stages_show_all_neighbours_in_order_and_draw_two_anchors_independently():
    assert all(draw(staged(), "two_stage", 32, i)[0] == list(range(8, 40)) for i in range(4))
    drawn = [draw(staged(), "two_stage", 2, seed) for seed in range(320)]
    assert len({(target, reference) for _, target, reference in drawn}) > 55  # Of 64.
    for anchors in ([target for _, target, _ in drawn], [reference for *_, reference in drawn]):
        # 40 of each are expected, with a deviation of 6.
        assert np.abs(np.bincount(anchors, minlength=8) - 40).max() < 24


def test_fewer_sources_of_two_stages_are_spread_evenly_over_the_anchors():
    sources, _, _ = draw(staged(), "two_stage", 8, 0)
    assert sources == [8, 12, 16, 20, 24, 28, 32, 36]
    assert draw(staged(), "two_stage", 8, 1)[0] == sources
    assert draw(staged(), "two_stage", 3, 0)[0] == [8, 18, 29]


def test_any_views_become_sources_but_never_the_target():
    drawn = [draw(ring(), "any", V, seed) for seed in range(150)]
    for sources, target, reference in drawn:
        assert target not in sources
        assert len(set(sources)) == V
        assert reference == sources[0]
    assert {target for _, target, _ in drawn} == set(range(12))
    assert {sources[0] for sources, _, _ in drawn} == set(range(12))
    assert len({tuple(sorted(sources)) for sources, _, _ in drawn}) > 15


def test_sources_of_any_views_are_spread_well():
    """Of a level ring the farthest are opposite, then at right angles, then halfway between."""
    turns = np.arange(8) * np.pi / 4
    directions = np.stack([np.cos(turns), np.sin(turns), np.zeros(8)], axis=-1)
    order = list(farthest_first(np.roll(directions, 3, axis=0)))
    assert order[:2] == [0, 4]
    assert set(order[2:4]) == {2, 6}
    assert sorted(order) == list(range(8))
    for seed in range(20):
        sources, _, _ = draw(ring(), "any", 4, seed)
        gaps = np.diff(sorted(sources), append=min(sources) + 12)
        assert gaps.max() <= 5  # Of the 30 degrees between views.


def test_auto_goes_by_whether_there_are_neighbours():
    assert choice.resolve("auto", staged()) == "two_stage"
    assert choice.resolve("auto", ring()) == "any"
    assert choice.resolve("any", staged()) == "any"


def test_too_few_views_are_said_before_the_first_batch(monkeypatch):
    with pytest.raises(UserError, match=r"15 views beside the target.*num_sources to 15 or less"):
        view_sets.batches(config(num_sources=16), seed=0)
    with pytest.raises(UserError, match=r"0 near views of others.*set data\.selection to any"):
        view_sets.batches(config(selection="two_stage"), seed=0)
    monkeypatch.setattr(view_sets, "open_view_sets", lambda _: [staged()])
    with pytest.raises(UserError, match=r"relic pot has 32 near views, too few for 33 sources"):
        view_sets.batches(config(num_sources=33), seed=0)


@pytest.mark.parametrize(
    ("changes", "message"),
    [
        ({"batch_size": 0}, r"data\.batch_size is 0; set it to 1"),
        ({"num_sources": 1}, r"data\.num_sources is 1; set it to 2"),
        ({"predictions": "folder"}, r"synthetic is no folder.*data\.predictions to none"),
        ({"path": "nowhere"}, "no shards at nowhere: no such directory"),
    ],
)
def test_settings_that_cannot_work_name_themselves(changes, message):
    with pytest.raises(UserError, match=message):
        view_sets.batches(config(**changes), seed=0)
    with pytest.raises(UserError, match=message):
        view_sets.steps_per_pass(config(**changes))


def test_views_unfit_for_training_are_replaced_by_the_next():
    unfit = {"empty": ("view_3", "view_1_0_10"), "damaged": ("view_5", "view_2_0_10")}
    poses = np.array(synthetic.view_poses(40))
    poses[[0, 20]] = np.nan
    relic = fake(staged().names, staged().neighbour, poses, **unfit)
    drawn = [draw(relic, "two_stage", 8, seed) for seed in range(60)]
    # 12, 16 and 20 are unfit: the first neighbours that are not used yet take their place.
    assert {tuple(sources) for sources, _, _ in drawn} == {(8, 9, 10, 11, 24, 28, 32, 36)}
    for anchors in ({target for _, target, _ in drawn}, {reference for *_, reference in drawn}):
        assert anchors == {1, 2, 4, 6, 7}
    for seed in range(30):
        sources, target, _ = draw(relic, "any", 10, seed)
        assert not {0, 3, 5, 12, 16, 20} & {target, *sources}


def test_a_relic_without_enough_views_is_passed_over_and_named_once(monkeypatch, caplog):
    relics = [ring(uid="cup"), ring(uid="jug", empty=[f"view_{i}" for i in range(7)])]
    monkeypatch.setattr(view_sets, "open_view_sets", lambda _: relics)
    with caplog.at_level(logging.WARNING):
        dataset = view_sets.batches(config(image_size=4), seed=0)
        shown = [index for k in range(6) for index in dataset[k]["relic_index"]]
    assert set(shown) == {0}
    (message,) = caplog.messages
    assert "relic jug has 4 views fit for 5 as sources" in message
    assert "shows nothing of the relic, its mask is empty" in message


def test_relics_that_are_all_unfit_end_in_one_error_that_names_a_view(monkeypatch):
    poses = np.full((12, 4, 4), np.nan, np.float32)
    relic = fake([f"view_{i}" for i in range(12)], [-1] * 12, poses)
    monkeypatch.setattr(view_sets, "open_view_sets", lambda _: [relic] * 3)
    dataset = view_sets.batches(config(image_size=4), seed=0)
    message = r"3 relics in a row .* relic pot has 0 views .* the camera of view_\d+ is not known"
    with pytest.raises(UserError, match=message):
        dataset[0]


def write_shards(directory, records):
    """The fields of `relic_views` that are read here, as `data-engine shards` declares them."""
    tfds = pytest.importorskip("tensorflow_datasets")
    f, n, size = tfds.features, len(records[0]["view_name"]), synthetic.IMAGE_SIZE_PX
    features = {
        "uid": f.Text(),
        "rgba": f.Sequence(f.Image(shape=(size, size, 4), encoding_format="png"), length=n),
        "depth_mm": f.Sequence(
            f.Image(shape=(size, size, 1), dtype=np.uint16, encoding_format="png"), length=n
        ),
        "cam_from_world": f.Tensor(shape=(n, 4, 4), dtype=np.float32),
        "pixel_from_cam": f.Tensor(shape=(n, 3, 3), dtype=np.float32),
        "view_name": f.Sequence(f.Text(), length=n),
        "neighbour": f.Tensor(shape=(n,), dtype=np.int32),
    }
    identity = tfds.core.DatasetIdentity(
        name="relic_views", version="1.0.0", data_dir=str(directory), module_name="tests"
    )
    writer = tfds.core.sequential_writer.SequentialWriter(
        tfds.core.DatasetInfo(builder=identity, features=f.FeaturesDict(features)),
        max_examples_per_shard=8,
        overwrite=True,
        file_format="array_record",
    )
    writer.initialize_splits(["train"])
    writer.add_examples({"train": [{name: each[name] for name in features} for each in records]})
    writer.close_all()


def test_shards_and_the_relics_they_hold_give_the_same_batches(tmp_path, monkeypatch):
    relics = synthetic.SyntheticRelics(num_relics=3, num_views=6)
    names, neighbour = [f"view_{i}" for i in range(6)], np.int32([-1, -1, 0, 1, 0, 1])
    records = [{**relic, "view_name": names, "neighbour": neighbour} for relic in relics]
    (tmp_path / "1.0.0").mkdir()
    write_shards(tmp_path / "1.0.0", records)
    settings = config(path=str(tmp_path), num_sources=4)
    opened = view_sets.open_view_sets(settings)
    order = [int(relic.uid.split("-")[1]) for relic in opened]
    assert opened[0].names == tuple(names)
    from_shards = view_sets.batches(settings, seed=0)[2]
    in_memory = [view_records.of_record(records[i]) for i in order]
    monkeypatch.setattr(view_sets, "open_view_sets", lambda _: in_memory)
    assert same(from_shards, view_sets.batches(settings, seed=0)[2])
    # Two stages, since there are neighbours: the last four views, whose poses are known.
    poses = np.broadcast_to(relics[0]["cam_from_world"][2:], (3, 4, 4, 4))
    np.testing.assert_array_equal(from_shards["sources_cam_from_world"], poses)


def test_prepared_folders_are_refused(tmp_path):
    (tmp_path / "meta.json").write_text('{"format": "jaxrelic prepared images", "version": 1}')
    with pytest.raises(UserError, match="prepared images of 64 pixels without depth"):
        view_sets.batches(config(path=str(tmp_path)), seed=0)


def test_a_damaged_record_names_its_relic_and_view():
    record = synthetic.SyntheticRelics(num_relics=1, num_views=6)[0]
    blank = cv2.imencode(".png", np.zeros((96, 96, 4), np.uint8))[1].tobytes()
    rgba = [*record["rgba"][:5], blank]
    views = {"view_name": [f"view_{i}" for i in range(6)], "neighbour": np.full(6, -1)}
    relic = view_records.of_record({**record, "rgba": rgba, **views})
    with pytest.raises(UserError, match=r"relic synthetic-0 .*: view_5 shows nothing"):
        draw(relic, "any", 5, 0)

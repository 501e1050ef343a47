import numpy as np

from jaxrelic.data import synthetic
from jaxrelic.data.single_view import batches
from jaxrelic.evaluation.single_view import gallery, methods, truth
from jaxrelic.viz import grids


def test_a_gallery_shows_each_chosen_relic_as_the_network_saw_it(predictor):
    records = synthetic.SyntheticRelics()
    model = methods.methods(predictor, None)["model"]
    sheet = gallery.draw(model, predictor.preprocessing, records, 2)
    tile, gap = gallery.TILE_PX, grids.GAP_PX
    assert sheet.shape == (tile, 12 * (tile + gap) - gap, 3)
    tiles = [sheet[:, k * (tile + gap) :][:, :tile] for k in range(8)]
    assert all(picture.min() < 0.9 for picture in tiles)  # An empty tile is white.
    assert not np.array_equal(tiles[0], tiles[4])
    assert (sheet[:, 8 * (tile + gap) :] == 1).all()


def test_a_finer_template_changes_the_mesh_and_no_parameter(predictor):
    finer = predictor.at_level(3)
    image = np.full((1, 32, 32, 3), 0.5, np.float32)
    assert finer.variables is predictor.variables
    assert finer.predict(image).vertices.shape == (1, 642, 3)
    assert predictor.at_level(None) is predictor


def test_the_view_shown_depends_on_the_relic_alone():
    record = dict(batches.open_records(batches.SingleViewData(path=batches.SYNTHETIC))[0])
    assert truth.view_shown(record) == truth.view_shown({**record, "title": b"other"})
    assert 0 <= truth.view_shown(record) < len(record["rgba"])

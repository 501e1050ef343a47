import numpy as np
import pytest

from jaxrelic.photos.masks.doubts import doubts


def box(rows, columns, size=(60, 80)):
    mask = np.zeros(size, np.float32)
    mask[slice(*rows), slice(*columns)] = 1
    return mask


def test_an_object_with_room_around_it_raises_none():
    assert doubts(box((10, 50), (20, 60))) == []


@pytest.mark.parametrize(
    ("rows", "columns", "words"),
    [
        ((0, 30), (20, 60), "the upper border"),
        ((30, 60), (20, 60), "the lower border"),
        ((10, 50), (0, 60), "the left border"),
        ((0, 60), (20, 80), "the upper and the lower and the right border"),
    ],
)
def test_an_object_that_is_cut_off_is_said_to_be_by_its_borders(rows, columns, words):
    (sentence,) = doubts(box(rows, columns))
    assert words in sentence


def test_pieces_are_counted_but_specks_are_not():
    two = box((10, 50), (10, 30)) + box((10, 50), (50, 70))
    assert doubts(two) == ["the mask has 2 separate pieces, which are taken for one object"]
    assert doubts(box((10, 50), (10, 30)) + box((20, 23), (50, 53))) == []


def test_an_object_that_is_a_speck_is_asked_about():
    (sentence,) = doubts(box((30, 34), (40, 46), size=(100, 100)))
    assert sentence == "the object covers 0.2% of the picture; is it the right one?"

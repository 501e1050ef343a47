"""Images to feature vectors of length 1, by which neighbours are found."""

import logging
import pathlib
from collections.abc import Callable, Iterator
from typing import Any

import jax
import jax.numpy as jnp
import numpy as np

from jaxrelic.data import posed_view
from jaxrelic.data.image_sets import tower_inputs
from jaxrelic.data.image_sets.image_set import ImageSet, Photograph
from jaxrelic.data.single_view import examples
from jaxrelic.errors import UserError
from jaxrelic.inference.msrn import MsrnPredictor
from jaxrelic.models.clip import convert as clip
from jaxrelic.models.clip import model as clip_sizes
from jaxrelic.models.dino import convert as dino
from jaxrelic.nn.vit import VisionTransformer, ViTConfig
from jaxrelic.photos import photo
from jaxrelic.weights import read_weights

logger = logging.getLogger(__name__)

BATCH = 64
"""Images that a network sees at a time."""

TOWER_BATCH = 16
"""The same for a published tower, whose blocks are larger."""

LOG_EVERY = 20
"""Batches between two lines of progress."""


def embed(
    images: ImageSet,
    prepare: Callable[[Photograph], np.ndarray],
    network: Callable[[jax.Array], jax.Array],
    *,
    batch: int = BATCH,
) -> np.ndarray:
    """Features of every image, each of length 1: [N, d] float32.

    Args:
        images: What is embedded.
        prepare: From an item to the network's input [s, s, 3].
        network: From inputs [b, s, s, 3] to features [b, d].
        batch: Images at a time; the last batch is filled up, so that one program serves all.
    """
    batch = min(batch, len(images))
    rows = []
    for number, indices in enumerate(_batches(len(images), batch)):
        inputs = np.stack([prepare(images[int(index)]) for index in indices])
        rows.append(np.asarray(network(jnp.asarray(inputs)), np.float32))
        if number % LOG_EVERY == LOG_EVERY - 1:
            logger.info("%d of %d images embedded", (number + 1) * batch, len(images))
    return normalise(np.concatenate(rows)[: len(images)])


def _batches(count: int, size: int) -> Iterator[np.ndarray]:
    """Row numbers, `size` at a time; the last row is repeated to fill the last batch."""
    for start in range(0, count, size):
        yield np.minimum(np.arange(start, start + size), count - 1)


def normalise(features: np.ndarray) -> np.ndarray:
    """Rows of length 1; a network that says zero or nonsense is an error."""
    lengths = np.linalg.norm(features, axis=1, keepdims=True)
    if not np.isfinite(lengths).all() or not np.any(lengths):
        raise UserError(
            "the network gives no usable features (all zero or not finite); train the run longer, "
            "or check the weights"
        )
    return features / np.maximum(lengths, 1e-12)


def embed_by_run(images: ImageSet, predictor: MsrnPredictor) -> np.ndarray:
    """Shape codes of a trained M-SRN, which the dynamic filter compares as well (M-SRN eq. 35)."""

    def prepare(item: Photograph) -> np.ndarray:
        view = posed_view.resize(examples.view_of(item), predictor.preprocessing.image_size)
        return photo.over_background(view, predictor.preprocessing)

    return embed(images, prepare, lambda image: predictor.predict(image).shape_code)


def embed_by_clip(images: ImageSet, weights: pathlib.Path) -> tuple[np.ndarray, str]:
    """Embeddings of CLIP's image tower, and its name.

    Args:
        images: Objects over white.
        weights: A published checkpoint, in OpenAI's or Hugging Face's layout.
    """
    config, variables = clip.convert(read_weights(weights), source=str(weights))
    prepare = tower_inputs.clip_input(config.image_size).prepare
    return _embed_by_tower(images, config, variables, prepare), clip_sizes.tower_name(config)


def embed_by_dino(images: ImageSet, weights: pathlib.Path) -> tuple[np.ndarray, str]:
    """Class tokens of DINOv2, and its name.

    Args:
        images: Objects over white.
        weights: A published checkpoint in Hugging Face's layout.
    """
    config, variables = dino.convert(read_weights(weights), source=str(weights))
    prepare = tower_inputs.dino_input(config.image_size).prepare
    return _embed_by_tower(images, config, variables, prepare), dino.tower_name(config)


def _embed_by_tower(
    images: ImageSet,
    config: ViTConfig,
    variables: Any,
    prepare: Callable[[np.ndarray], np.ndarray],
) -> np.ndarray:
    apply = jax.jit(VisionTransformer(config).apply)
    variables = jax.device_put(variables)
    return embed(
        images,
        lambda item: prepare(item["image"]),
        lambda image: apply(variables, image),
        batch=TOWER_BATCH,
    )

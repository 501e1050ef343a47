"""Unicorn's choice of neighbours: like shapes seen from elsewhere (specification msrn D.4).

The last photographs are remembered with their shape code and camera. A query draws one of five bins
of viewpoint, and its neighbour is the photograph in that bin with the closest code
(arXiv:2204.10310).
"""

import flax.struct
import jax
import jax.numpy as jnp

from jaxrelic.models.msrn.neighbours import Candidates, NeighbourConfig
from jaxrelic.nn.kmeans import squared_distances
from jaxrelic.typing import Array, Bool, Float, Int, Key, typechecked

MIN_ANGLE_DEG = 20.0
"""Rotation from the query below which a photograph shows it from the same side."""

BINS = 5
"""Equal bins of rotation from there to 180 degrees."""


@flax.struct.dataclass
class RecentShapes:
    """The last n photographs, in a ring; training alone needs them, so exports leave them out."""

    codes: jax.Array
    """Shape codes before compensation, [n, q]."""
    images: jax.Array
    """Photographs over the background with their masks as a fourth channel, uint8 [n, s, s, 4]."""
    rotations: jax.Array
    """Rotations of cam_from_world of the likeliest camera, [n, 3, 3]."""
    relics: jax.Array
    """Relic that each shows, int32 [n]; -1 where nothing was written."""
    writes: jax.Array
    """Photographs written so far, int32 []; the next slot is this modulo n."""


def fresh_recent(config: NeighbourConfig, features: int, image_size: int) -> RecentShapes:
    """A memory of nothing."""
    n = config.recent
    return RecentShapes(
        codes=jnp.zeros((n, features)),
        images=jnp.zeros((n, image_size, image_size, 4), jnp.uint8),
        rotations=jnp.zeros((n, 3, 3)),
        relics=jnp.full(n, -1, jnp.int32),
        writes=jnp.zeros((), jnp.int32),
    )


@typechecked
def remember(
    recent: RecentShapes,
    codes: Float[Array, "b q"],
    image: Float[Array, "b s s 3"],
    mask: Float[Array, "b s s"],
    rotations: Float[Array, "b 3 3"],
    relics: Int[Array, " b"],
    *,
    axis_name: str,
) -> RecentShapes:
    """Writes the photographs of all replicas over the oldest ones."""
    pixels = jnp.concatenate([image, mask[..., None]], axis=-1)
    pixels = jnp.round(255 * pixels).astype(jnp.uint8)
    rows = jax.lax.stop_gradient((codes, pixels, rotations, relics.astype(jnp.int32)))
    rows = jax.lax.all_gather(rows, axis_name, tiled=True)
    size, count = len(recent.relics), len(rows[0])
    if count > size:
        raise ValueError(f"{count} photographs at once overrun {size}; set neighbours.recent")
    slots = (recent.writes + jnp.arange(count)) % size
    held = (recent.codes, recent.images, recent.rotations, recent.relics)
    written = [old.at[slots].set(new) for old, new in zip(held, rows, strict=True)]
    return RecentShapes(*written, writes=recent.writes + count)


@typechecked
def choose(
    rng: Key[Array, ""],
    recent: RecentShapes,
    codes: Float[Array, "b q"],
    rotations: Float[Array, "b 3 3"],
    relics: Int[Array, " b"],
) -> tuple[Int[Array, " b"], Bool[Array, " b"]]:
    """The neighbour of each query: its slot, and whether its bin held any.

    Args:
        rng: Draws the bins.
        recent: What is remembered.
        codes: Codes of the queries.
        rotations: Rotations of their cameras.
        relics: Which relics they show; other photographs of the same one are no neighbours.
    """
    drawn = jax.random.randint(rng, codes.shape[:1], 0, BINS)
    eligible = viewpoint_bin(rotations, recent.rotations) == drawn[:, None]
    eligible &= recent.relics[None] >= 0
    # Unicorn accepts them, which in a small data set is posed supervision in disguise.
    eligible &= recent.relics[None] != relics[:, None]
    distance = jnp.where(eligible, squared_distances(codes, recent.codes), jnp.inf)
    return jnp.argmin(distance, axis=-1), jnp.any(eligible, axis=-1)


@typechecked
def viewpoint_bin(ours: Float[Array, "b 3 3"], theirs: Float[Array, "n 3 3"]) -> Int[Array, "b n"]:
    """Bin of the angle of the rotation between each two cameras; negative when almost the same."""
    trace = jnp.einsum("bij,nij->bn", ours, theirs, precision=jax.lax.Precision.HIGHEST)
    angle = jnp.rad2deg(jnp.arccos(jnp.clip((trace - 1) / 2, -1.0, 1.0)))
    width = (180 - MIN_ANGLE_DEG) / BINS
    # Half a turn belongs to the last bin.
    return jnp.minimum(jnp.floor((angle - MIN_ANGLE_DEG) / width).astype(jnp.int32), BINS - 1)


@typechecked
def recalled(
    recent: RecentShapes, slots: Int[Array, " b"], known: Bool[Array, " b"], target_size: int
) -> Candidates:
    """Remembered photographs as the one candidate of each query, with targets of `target_size`."""
    pixels = recent.images[slots].astype(jnp.float32)[:, None] / 255
    small = _resize(pixels, target_size)
    return Candidates(
        image=pixels[..., :3], rgb=small[..., :3], mask=small[..., 3], known=known[:, None]
    )


def _resize(pixels: Array, size: int) -> Array:
    """Averages areas when it shrinks by a whole factor, as the loader does."""
    *lead, side, _, channels = pixels.shape
    if side % size:
        return jax.image.resize(pixels, (*lead, size, size, channels), "linear")
    blocks = pixels.reshape(*lead, size, side // size, size, side // size, channels)
    return jnp.mean(blocks, axis=(-4, -2))

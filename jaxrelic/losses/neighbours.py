"""What a mesh owes to photographs of like objects (M-SRN eq. 43-44, specification msrn D.3)."""

from typing import Self

import flax.struct
import jax
import jax.numpy as jnp

from jaxrelic.geometry import cameras, meshes
from jaxrelic.losses.msrn import IMAGE_TERMS, MsrnLossSettings, draw, image_terms, scaled_intrinsics
from jaxrelic.models.msrn.model import MsrnOutput, likeliest_camera
from jaxrelic.models.msrn.neighbours import Candidates
from jaxrelic.models.msrn.template import Template
from jaxrelic.typing import Array, Bool, Float, Int, typechecked

_COMPARED = (*IMAGE_TERMS, "mask_iou", "dropped_faces")

TERMS = ("neighbours", *(f"neighbours_{name}" for name in _COMPARED))
"""What `neighbour_terms` returns; all but the first are for the logs."""


@flax.struct.dataclass
class Looks:
    """How the network sees photographs: all but their shape; k for each query."""

    texture: jax.Array
    """[b, k, t, t, 3]."""
    cam_from_world: jax.Array
    """The likeliest camera, [b, k, 4, 4]."""
    pixel_from_cam: jax.Array
    """Intrinsics in pixels of the photograph as the network reads it, [b, k, 3, 3]."""
    scale: jax.Array
    """Factor per world axis, [b, k, 3]."""

    @classmethod
    def of(cls, output: MsrnOutput, queries: int) -> Self:
        """The output for the candidates of all queries, one after the other."""
        looks = cls(
            texture=output.texture,
            cam_from_world=likeliest_camera(output),
            pixel_from_cam=output.pixel_from_cam,
            scale=output.scale,
        )
        return jax.tree.map(lambda x: x.reshape(queries, -1, *x.shape[1:]), looks)

    def take(self, index: Int[Array, "b m"]) -> Self:
        """Some of each query's candidates."""
        return jax.tree.map(lambda x: jax.vmap(lambda row, at: row[at])(x, index), self)


@typechecked
def neighbour_terms(
    output: MsrnOutput,
    looks: Looks,
    neighbours: Candidates,
    shown: Bool[Array, "b m"],
    template: Template,
    *,
    settings: MsrnLossSettings,
) -> dict[str, Float[Array, " b"]]:
    """The query's mesh, with a neighbour's camera, scale and texture, against the neighbour.

    Args:
        output: For the queries; the mesh learns.
        looks: For m neighbours of each query.
        neighbours: Those photographs.
        shown: Which of them count; the others are drawn to no effect.
        template: The mesh that was deformed.
        settings: Renderer, distances and their weights, those of the photograph itself.

    Returns:
        Means over the neighbours that count, all 0 where none does: `neighbours`, the weighted sum
        of the terms of a drawing; each of these as `neighbours_rgb` and so on; measures.
    """
    size, side = neighbours.mask.shape[-1], neighbours.image.shape[2]
    unscaled = output.vertices / output.scale[:, None]
    vertices = unscaled[:, None] * looks.scale[:, :, None]
    views = cameras.Camera(
        looks.cam_from_world, scaled_intrinsics(looks.pixel_from_cam, size / side)
    )
    # A mesh of its own for each neighbour, with one camera.
    image = draw(
        meshes.Mesh(
            vertices=_flat(vertices),
            faces=template.faces,
            face_uvs=template.face_uvs,
            texture=_flat(looks.texture),
        ),
        jax.tree.map(lambda x: _flat(x)[:, None], views),
        size,
        settings,
    )
    target = {"views_rgb": neighbours.rgb, "views_mask": neighbours.mask}
    target = {name: _flat(value)[:, None] for name, value in target.items()}
    compared = {
        name: values.reshape(shown.shape)
        for name, values in image_terms(image, target, settings).items()
    }
    compared["neighbours"] = sum(
        getattr(settings.weights, name) * compared[name] for name in IMAGE_TERMS
    )
    means = {name: mean_of_shown(values, shown) for name, values in compared.items()}
    parts = {f"neighbours_{name}": means[name] for name in _COMPARED}
    return {"neighbours": means["neighbours"], **parts}


@typechecked
def mean_of_shown(values: Float[Array, "b m"], shown: Bool[Array, "b m"]) -> Float[Array, " b"]:
    """Mean over the neighbours that count; exactly 0, as is its gradient, where none does."""
    total = jnp.sum(jnp.where(shown, values, 0.0), axis=-1)
    return total / jnp.maximum(jnp.sum(shown, axis=-1), 1)


def _flat(x: Array) -> Array:
    """[b, m, ...] as [b m, ...]."""
    return x.reshape(-1, *x.shape[2:])

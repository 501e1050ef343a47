"""A trained network and a photograph to a textured mesh and the camera that took it."""

import dataclasses
import functools
import pathlib
from collections.abc import Mapping
from typing import Any, Self

import jax
import jax.numpy as jnp

from jaxrelic import config_json
from jaxrelic.errors import UserError
from jaxrelic.geometry import cameras, meshes
from jaxrelic.inference import msrn_programs
from jaxrelic.inference.program import Program
from jaxrelic.inference.reconstruction import Reconstruction
from jaxrelic.models.msrn import model as msrn
from jaxrelic.photos import photo as photos
from jaxrelic.typing import Array, Float, typechecked

FINEST_LEVEL = 5
"""Finest subdivision of a template: 20,480 faces; the next would be four times as many."""


@dataclasses.dataclass(frozen=True, kw_only=True)
class MsrnPredictor:
    """A trained M-SRN, ready to use; `saved.load.load` makes one."""

    config: msrn.MsrnConfig
    """Sizes of the network."""
    preprocessing: photos.Preprocessing
    """How its inputs are made."""
    variables: Any
    """Parameters and untrained collections."""
    shape_size: int
    """Open entries of the shape code: a run that ends early has not learned to use them all."""
    texture_size: int
    """Open entries of the texture code."""

    @classmethod
    def described(cls, page: Mapping[str, Any]) -> tuple[dict[str, Any], Any]:
        """Arguments of a network without its variables, and their shapes, from an export's page."""
        config = config_json.from_json(msrn.MsrnConfig, page["config"])
        preprocessing = config_json.from_json(photos.Preprocessing, page["preprocessing"])
        sizes = {name: int(page["open_entries"][name]) for name in ("shape_size", "texture_size")}
        arguments = {"config": config, "preprocessing": preprocessing, **sizes}
        return arguments, msrn.abstract_variables(config, preprocessing.image_size)

    def description(self) -> dict[str, Any]:
        """What an export's page says beside `config`; `described` reads it."""
        return {
            "open_entries": {"shape_size": self.shape_size, "texture_size": self.texture_size},
            "preprocessing": config_json.to_json(self.preprocessing),
        }

    def programs(self) -> list[Program]:
        """What an export offers as StableHLO."""
        return msrn_programs.programs(
            self.config,
            self.variables,
            side=self.preprocessing.image_size,
            sizes={"shape_size": self.shape_size, "texture_size": self.texture_size},
        )

    def at_level(self, icosphere_level: int | None) -> Self:
        """The same network on a template of another fineness; None keeps the one of training.

        The deformation field is a function of position, so its weights fit every subdivision:
        training can be coarse and its results fine.
        """
        if icosphere_level is None:
            return self
        if not 1 <= icosphere_level <= FINEST_LEVEL:
            raise UserError(f"icosphere level {icosphere_level} is not in 1..{FINEST_LEVEL}")
        config = dataclasses.replace(self.config, icosphere_level=icosphere_level)
        return dataclasses.replace(self, config=config)

    @functools.cached_property
    def template(self) -> msrn.Template:
        """The mesh that the network deforms."""
        return msrn.template(self.config)

    @functools.cached_property
    def _apply(self):
        model = msrn.Msrn(self.config)
        sizes = {"shape_size": self.shape_size, "texture_size": self.texture_size}
        return jax.jit(lambda variables, image: model.apply(variables, image, train=False, **sizes))

    @typechecked
    def predict(self, image: Float[Array, "b s s 3"]) -> msrn.MsrnOutput:
        """Runs the network on prepared inputs; one compilation per batch size."""
        if image.shape[1] != self.preprocessing.image_size:
            raise ValueError(
                f"input is {image.shape[1]} px a side, this network takes "
                f"{self.preprocessing.image_size}; see photo.prepare"
            )
        return self._apply(self.variables, jnp.asarray(image))

    def reconstruct(
        self, photo: str | pathlib.Path | photos.Photo, mask: str | pathlib.Path | None = None
    ) -> Reconstruction:
        """Reconstructs the object of one photograph.

        Args:
            photo: Picture file, or a photograph whose object is known already.
            mask: Picture of the same size, white on the object; by default the photograph's
                transparency, or an automatic cut-out.
        """
        if not isinstance(photo, photos.Photo):
            photo = photos.read_photo(
                pathlib.Path(photo), None if mask is None else pathlib.Path(mask)
            )
        view = photos.prepare(photos.as_view(photo), self.preprocessing)
        image = photos.over_background(view, self.preprocessing)
        output = self.predict(image[None])
        return Reconstruction(
            mesh=meshes.Mesh(
                vertices=output.vertices[0],
                faces=jnp.asarray(self.template.faces),
                face_uvs=jnp.asarray(self.template.face_uvs),
                texture=output.texture[0],
            ),
            camera=cameras.Camera(
                cam_from_world=msrn.likeliest_camera(output)[0],
                pixel_from_cam=output.pixel_from_cam[0],
            ),
            image=image,
            mask=view.rgba[..., 3],
            photo=photo,
            image_from_photo=view.pixel_from_cam,
        )

"""The relief network at work: a photograph to two depth layers, and to a mesh."""

import dataclasses
import functools
import pathlib
from collections.abc import Mapping
from typing import Any, ClassVar

import jax
import numpy as np

from jaxrelic import config_json
from jaxrelic.inference import relief
from jaxrelic.inference.program import Arrays, Program, symbolic
from jaxrelic.inference.reconstruction import Reconstruction
from jaxrelic.inference.relief import Layers, ReliefSettings
from jaxrelic.models.relief.inputs import INPUTS, PICTURE_PX, abstract_inputs, network_inputs
from jaxrelic.models.relief.model import ReliefConfig, ReliefNet
from jaxrelic.photos import photo as photos

_MEANINGS = {
    "photo": "sRGB, the object scaled to a mean of 0.45, less 0.45, times two; 0 outside",
    "mask": "coverage in [0, 1]",
    "distance": "from pixel centres to the outline, positive inside, in picture widths",
    "inflated": "half thickness of the inflated mask, in picture widths",
    "front": "depth of the first surface from the object's middle, in picture widths",
    "thickness": "depth of the last surface less that of the first, in picture widths",
    "elevation": "height of the camera above the horizon, radians",
}


@dataclasses.dataclass(frozen=True, kw_only=True)
class ReliefPredictor:
    """A trained relief network, ready to use; `saved.load.load` makes one."""

    config: ReliefConfig
    """Sizes of the network."""
    variables: Any
    """Its parameters."""

    preprocessing: ClassVar[photos.Preprocessing] = relief.PREPROCESSING
    """How the picture is cut out that a result's camera is for."""

    @classmethod
    def described(cls, page: Mapping[str, Any]) -> tuple[dict[str, Any], Any]:
        """Arguments of a network without its variables, and their shapes, from an export's page."""
        config = config_json.from_json(ReliefConfig, page["config"])
        shapes = abstract_inputs()
        inputs = [shapes[name] for name in INPUTS]
        return {"config": config}, jax.eval_shape(
            ReliefNet(config).init, jax.random.key(0), *inputs
        )

    def description(self) -> dict[str, Any]:
        """What an export's page says beside `config`: nothing."""
        return {}

    def programs(self) -> list[Program]:
        """What an export offers as StableHLO."""
        net, scope = ReliefNet(self.config), jax.export.SymbolicScope()

        def layers(inputs: Arrays) -> Arrays:
            found = net.apply(self.variables, *(inputs[name] for name in INPUTS))
            return {name: getattr(found, name) for name in ("front", "thickness", "elevation")}

        def batched(shape: jax.ShapeDtypeStruct) -> jax.ShapeDtypeStruct:
            sides = ", ".join(str(side) for side in shape.shape[1:])
            return jax.ShapeDtypeStruct(symbolic(f"b, {sides}", scope), shape.dtype)

        return [
            Program(
                name="layers",
                purpose="photographs, cut out around the object, to their first and last surface",
                function=layers,
                inputs={name: batched(shape) for name, shape in abstract_inputs().items()},
                meanings=_MEANINGS,
            )
        ]

    @functools.cached_property
    def _apply(self):
        return jax.jit(ReliefNet(self.config).apply)

    def layers(self, photo: photos.Photo) -> Layers:
        """Both layers of the photograph's crop."""
        cut = relief.crop(photo, PICTURE_PX)
        return self.layers_of(network_inputs(relief.colours(cut), cut.rgba[..., 3]))

    def layers_of(self, inputs: Mapping[str, np.ndarray]) -> Layers:
        """Both layers of one photograph's inputs.

        They are the mean of what the network sees in it and in its mirror image, so that no side
        of a relic is preferred.
        """
        pairs = (np.stack([inputs[name], inputs[name][:, ::-1]]) for name in INPUTS)
        found = self._apply(self.variables, *pairs)

        def mean(maps: np.ndarray) -> np.ndarray:
            return 0.5 * (np.asarray(maps[0]) + np.asarray(maps[1])[:, ::-1])

        elevation_deg = np.degrees(np.mean(found.elevation))
        steepest = relief.MAX_ELEVATION_DEG
        return Layers(
            front=mean(found.front),
            thickness=mean(found.thickness),
            elevation_deg=float(np.clip(elevation_deg, -steepest, steepest)),
        )

    def reconstruct(
        self,
        photo: str | pathlib.Path | photos.Photo,
        mask: str | pathlib.Path | None = None,
        settings: ReliefSettings | None = None,
    ) -> Reconstruction:
        """Reconstructs the object of one photograph.

        Args:
            photo: Picture file, or a photograph whose object is known already.
            mask: Picture of the same size, white on the object; by default the photograph's
                transparency, or an automatic cut-out.
            settings: What the photographer knows.
        """
        if not isinstance(photo, photos.Photo):
            photo = photos.read_photo(
                pathlib.Path(photo), None if mask is None else pathlib.Path(mask)
            )
        return relief.reconstruct(photo, settings, self.layers(photo))

"""What a family's recipe hands over: a shape, what it is made of and how it is adorned."""

import dataclasses
from collections.abc import Callable, Mapping, Sequence

import numpy as np

from data_engine.procedural.canvas import Canvas
from data_engine.procedural.surfaces import Surface, signed_volume


@dataclasses.dataclass(frozen=True, kw_only=True)
class Draft:
    """One relic before it is coloured, scaled and named."""

    surface: Surface
    noun: str
    """What it is: a key of `words.NOUNS`."""
    material: str
    """A key of `materials.MATERIALS`."""
    longest_cm: float
    """Longest side of the finished relic, in centimetres."""
    motif: str = "plain"
    """Painted ornament: a key of `motifs.PATTERNS`, or "plain"."""
    band: tuple[float, float] = (0.4, 0.6)
    """Heights between which the ornament lies, as fractions of the relic's."""
    lower: tuple[str, float] | None = None
    """Another material below this fraction of the height: a hilt, a shaft."""
    groove: Callable[[Canvas], np.ndarray] | None = None
    """Carving too fine for the mesh: darkness over the texture, [h, w] in [0, 1]."""
    profile_volume: float | None = None
    """Volume in the units of the surface where the formula gives it, else None."""
    parameters: Mapping[str, float | str]
    """The numbers that were drawn."""

    @property
    def volume(self) -> float:
        """Enclosed volume in the units of the surface."""
        if self.profile_volume is not None:
            return self.profile_volume
        return signed_volume(self.surface.vertices, self.surface.faces)


def pick(rng: np.random.Generator, options: Sequence[str]) -> str:
    """One of the options."""
    return options[int(rng.integers(len(options)))]


def draw(rng: np.random.Generator, **ranges: tuple[float, float]) -> dict[str, float]:
    """A uniform number for each name, rounded so that the record holds exactly what was used."""
    return {name: round(float(rng.uniform(*bounds)), 4) for name, bounds in ranges.items()}

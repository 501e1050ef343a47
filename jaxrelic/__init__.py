"""One photograph of a relic to a 3D mesh, in JAX.

    import jaxrelic

    model = jaxrelic.load("runs/demo/export")
    result = jaxrelic.reconstruct("photo.jpg", model)
    picture = jaxrelic.render(result.mesh, result.camera, image_size=256)

Names are loaded on first use: importing the package reads no file and touches no device.
"""

import importlib
import importlib.metadata
from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from jaxrelic.api import load, novel_views, reconstruct, render
    from jaxrelic.geometry.cameras import Camera
    from jaxrelic.geometry.meshes import Mesh

__all__ = ["Camera", "Mesh", "load", "novel_views", "reconstruct", "render"]

_HOME = {
    "Camera": "jaxrelic.geometry.cameras",
    "Mesh": "jaxrelic.geometry.meshes",
    **dict.fromkeys(("load", "novel_views", "reconstruct", "render"), "jaxrelic.api"),
}


def __getattr__(name: str) -> Any:
    if name == "__version__":
        return importlib.metadata.version("jaxrelic")
    if name not in _HOME:
        raise AttributeError(f"module {__name__!r} has no attribute {name!r}")
    value = getattr(importlib.import_module(_HOME[name]), name)
    globals()[name] = value
    return value


def __dir__() -> list[str]:
    return sorted({*globals(), *__all__})

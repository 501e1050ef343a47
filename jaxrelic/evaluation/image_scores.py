"""How a mesh looks through known cameras: silhouettes, and the colours of views it was not made of.

LPIPS is not among the scores: it needs the weights of a published network, which this project does
not carry.
"""

import dataclasses

import numpy as np

from jaxrelic.data import posed_view
from jaxrelic.geometry import cameras, image_crops, meshes
from jaxrelic.metrics import image
from jaxrelic.viz import pictures

NO_LPIPS = "LPIPS is not computed: it needs the weights of a published network."
"""Said beside the scores."""


@dataclasses.dataclass(frozen=True, kw_only=True)
class ImageRow:
    """One relic and one method, at the known views that the method did not see."""

    uid: str
    """Identifier of the relic."""
    category: str
    """Category of the relic."""
    method: str
    """Name of the method that made the mesh."""
    num_views: int
    """Views compared."""
    mask_iou: float
    """Mean overlap of silhouettes, in [0, 1]."""
    psnr: float | None
    """Mean over the views, in dB; None for a mesh without colours."""
    ssim: float | None
    """Mean over the views; None for a mesh without colours."""
    depth_error: float | None = None
    """Mean distance along the optical axis between what is drawn and what is there, in world units,
    where both are; None where nobody asked or they never are."""


def colour_scores(
    mesh: meshes.Mesh, views: list[posed_view.View], background: tuple[float, float, float]
) -> tuple[float, float]:
    """Mean PSNR in dB and mean SSIM of the mesh's plain colours, drawn over `background`."""
    drawn, true = [], []
    for view in views:
        camera = cameras.Camera(
            cam_from_world=view.cam_from_world, pixel_from_cam=view.pixel_from_cam
        )
        size = len(view.rgba)
        drawn.append(
            pictures.draw(mesh, camera, size=size, shaded=False, background=background).rgb
        )
        true.append(image_crops.over(view.rgba, background))
    pair = np.float32(drawn), np.float32(true)
    (psnr, count), (ssim, _) = image.psnr(*pair), image.ssim(*pair)
    return float(psnr / count), float(ssim / count)

"""What is measured: a trained network and its baselines, each from one picture to one mesh."""

import dataclasses
from collections.abc import Callable, Sequence
from typing import Any

import numpy as np

from jaxrelic.data.posed_view import View
from jaxrelic.geometry import cameras, meshes
from jaxrelic.geometry.registration import placement
from jaxrelic.inference.msrn import MsrnPredictor
from jaxrelic.models.msrn.model import likeliest_camera


@dataclasses.dataclass(frozen=True, kw_only=True)
class Shown:
    """What a method is shown of one relic."""

    image: np.ndarray
    """Network input, [s, s, 3]."""
    view: View
    """The photograph that it was made of, whole, with its mask and its camera."""
    input_camera: cameras.Camera
    """Camera from the world to the pixels of `image`; methods that use it say so."""


Method = Callable[[Sequence[Shown]], "Surfaces"]
"""Function from photographs to one mesh each."""

BATCH_SIZE = 16
"""Images the network sees at once."""


@dataclasses.dataclass(frozen=True, kw_only=True)
class Surfaces:
    """One mesh for each input, and what else a method says of it.

    Meshes of one topology are arrays; of several, every field has a list of b arrays in place of
    its axis b, and `faces` and `face_uvs` are lists too.
    """

    vertices: np.ndarray | list[np.ndarray]
    """[b, v, 3] float32; in the world frame, unless a camera must place them."""
    faces: np.ndarray | list[np.ndarray]
    """[f, 3] int32."""
    camera: cameras.Camera | None = None
    """Cameras from the frame of `vertices` to the pixels of the inputs, [b]; None if not
    predicted."""
    face_uvs: np.ndarray | list[np.ndarray] | None = None
    """Texture coordinates, [f, 3, 2]."""
    textures: np.ndarray | list[np.ndarray] | None = None
    """RGB in [0, 1], [b, t, t, 3]; None if the method knows no colours."""
    in_own_frame: bool = False
    """The frame of `vertices` is the method's own; `placed` carries them into the world."""
    correct_lens: bool = True
    """How: see `placement.world_from_prediction`."""

    def mesh(self, index: int) -> meshes.Mesh:
        """One of the meshes; without its texture if the method knows no colours."""
        several = isinstance(self.faces, list)
        textured = self.textures is not None
        uvs = self.face_uvs[index] if textured and several else self.face_uvs
        return meshes.Mesh(
            vertices=self.vertices[index],
            faces=self.faces[index] if several else self.faces,
            face_uvs=uvs if textured else None,
            texture=self.textures[index] if textured else None,
        )

    def placed(self, inputs: cameras.Camera) -> "Surfaces":
        """The same surfaces in the world frame.

        Args:
            inputs: True cameras of the inputs, pixels of the inputs, [b]; NaN where not known,
                and there the frame has to be the world's (specification msrn F.2, step 1).
        """
        if not self.in_own_frame:
            return self
        moved = []
        for index, vertices in enumerate(self.vertices):
            if np.isnan(inputs.cam_from_world[index]).any():
                moved.append(vertices)
                continue
            world = placement.world_from_prediction(
                _item(self.camera, index),
                _item(inputs, index),
                0.5 * (vertices.min(axis=0) + vertices.max(axis=0)),
                correct_lens=self.correct_lens,
            )
            moved.append(vertices @ world[:3, :3].T + world[:3, 3])
        # Through the true camera a placed shape looks as its method saw it.
        moved = [vertices.astype(np.float32) for vertices in moved]
        vertices = moved if isinstance(self.vertices, list) else np.stack(moved)
        return dataclasses.replace(self, vertices=vertices, camera=inputs, in_own_frame=False)


def _item(batch: cameras.Camera, index: int) -> cameras.Camera:
    """One of several cameras."""
    return cameras.Camera(
        cam_from_world=batch.cam_from_world[index], pixel_from_cam=batch.pixel_from_cam[index]
    )


def methods(
    predictor: MsrnPredictor,
    mean_shape: tuple[np.ndarray, np.ndarray] | None,
    *,
    in_own_frame: bool = False,
    correct_lens: bool = True,
) -> dict[str, Method]:
    """The trained model and its baselines, by name.

    Args:
        predictor: The network.
        mean_shape: Vertices and faces, in the world frame.
        in_own_frame: The network does not know the world's axes (supervision `latent`).
        correct_lens: See `placement.world_from_prediction`.
    """
    template = predictor.template

    def model(shown: Sequence[Shown]) -> Surfaces:
        found = predict(predictor, np.stack([each.image for each in shown]))
        return dataclasses.replace(found, in_own_frame=in_own_frame, correct_lens=correct_lens)

    named = {"model": model, "template": constant(template.vertices, template.faces)}
    if mean_shape is not None:
        named["mean_shape"] = constant(*mean_shape)
    return named


def predict(predictor: MsrnPredictor, images: np.ndarray) -> Surfaces:
    """The network on any number of images, padded to whole batches: one compilation."""
    size = min(BATCH_SIZE, len(images))
    padded = np.concatenate([images, np.repeat(images[-1:], -len(images) % size, axis=0)])
    parts = [
        _likeliest(predictor, padded[start : start + size]) for start in range(0, len(padded), size)
    ]
    vertices, textures, poses, lenses = (
        np.concatenate(arrays)[: len(images)] for arrays in zip(*parts, strict=True)
    )
    return Surfaces(
        vertices=vertices,
        faces=predictor.template.faces,
        camera=cameras.Camera(cam_from_world=poses, pixel_from_cam=lenses),
        face_uvs=predictor.template.face_uvs,
        textures=textures,
    )


def _likeliest(predictor: MsrnPredictor, images: np.ndarray) -> tuple[Any, ...]:
    """Vertices, textures, and pose and lens of the most probable camera, each [b, ...]."""
    output = predictor.predict(images)
    return (
        np.asarray(output.vertices),
        np.asarray(output.texture),
        np.asarray(likeliest_camera(output)),
        np.asarray(output.pixel_from_cam),
    )


def constant(vertices: np.ndarray, faces: np.ndarray) -> Method:
    """A method that answers with one mesh, whatever it sees."""
    return lambda shown: Surfaces(
        vertices=np.broadcast_to(vertices, (len(shown), *vertices.shape)), faces=faces
    )

"""A model of two layers with batch statistics, so that tests of the trainer compile in a second."""

import dataclasses

import flax.linen as nn
import jax
import jax.numpy as jnp
import pytest
from experiments import changed

from jaxrelic.data.single_view.batches import SingleViewData
from jaxrelic.models.msrn.model import MsrnConfig
from jaxrelic.train.experiment import Experiment
from jaxrelic.train.optim import OptimConfig
from jaxrelic.train.tasks.msrn import MsrnTask


class TinyModel(nn.Module):
    @nn.compact
    def __call__(self, image, *, train):
        x = jnp.mean(image.reshape(image.shape[0], -1, 8, 3), axis=1).reshape(image.shape[0], -1)
        x = nn.Dense(4, name="hidden")(x)
        norm = nn.BatchNorm(use_running_average=not train, axis_name="batch", name="norm")
        return nn.Dense(1, name="out")(nn.relu(norm(x)))[:, 0]


@dataclasses.dataclass(frozen=True)
class TinyObjective:
    """Predicts the covered part of the image; `spoil_at` makes one term infinite at that step."""

    phases: tuple[str, ...] = ("joint",)
    spoil_at: int = -1
    noise: float = 0.0

    def init(self, rng, batch):
        return TinyModel().init(rng, batch["image"], train=False)

    def weights(self, phase):
        return {"area": 1.0, "size": 0.5}

    def loss(self, params, collections, batch, rng, *, step, phase, seed):
        covered = jnp.mean(batch["mask"], axis=(1, 2))
        variables = {"params": params, **collections}
        predicted, collections = TinyModel().apply(
            variables, batch["image"], train=True, mutable=list(collections)
        )
        noise = self.noise * jax.random.normal(rng, covered.shape)
        terms = {
            "area": (predicted - covered - noise) ** 2,
            "size": jnp.where(step == self.spoil_at, jnp.inf, 0.1) * predicted**2,
        }
        return terms, {"predicted_mean": jnp.mean(predicted)}, collections


@pytest.fixture
def tiny_objective():
    return TinyObjective


def build_experiment(**changes) -> Experiment:
    data = SingleViewData(path="synthetic", batch_size=8, image_size=16, target_size=8)
    tiny = Experiment(
        name="tiny",
        task=MsrnTask(model=MsrnConfig.compact(), supervision="latent", data=data),
        optim=OptimConfig(learning_rate=1e-2),
        steps=6,
        log_every=1,
        checkpoint_every=100,
    )
    return changed(tiny, **changes)


@pytest.fixture
def tiny_experiment():
    return build_experiment

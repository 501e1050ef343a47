"""All settings of one run; files under `configs/` build one each."""

import dataclasses

from jaxrelic.data.foreground.batches import BackgroundData
from jaxrelic.data.single_view.batches import SingleViewData, Supervision
from jaxrelic.data.view_sets.batches import ViewSetData
from jaxrelic.errors import UserError
from jaxrelic.losses.foreground import ForegroundLossSettings
from jaxrelic.losses.msrn import MsrnLossSettings
from jaxrelic.losses.one2345 import One2345LossSettings
from jaxrelic.models.foreground.model import ForegroundConfig
from jaxrelic.models.msrn.model import MsrnConfig
from jaxrelic.models.one2345.config import One2345Config
from jaxrelic.train.initial.from_sphere import PretrainConfig
from jaxrelic.train.optim import OptimConfig
from jaxrelic.train.tasks.msrn_phases import SoftnessSchedule
from jaxrelic.train.tasks.one2345_rays import RaysConfig

PARTS = {
    MsrnConfig: (SingleViewData, MsrnLossSettings),
    ForegroundConfig: (BackgroundData, ForegroundLossSettings),
    One2345Config: (ViewSetData, One2345LossSettings),
}
"""Settings of data and losses that belong to each kind of model."""


@dataclasses.dataclass(frozen=True, kw_only=True)
class Experiment:
    """What is trained, on what, towards what, and for how long."""

    name: str
    """Shown in logs and reports."""
    model: MsrnConfig | ForegroundConfig | One2345Config
    """The network."""
    supervision: Supervision = "latent"
    """What M-SRN may know. latent: image and mask only. posed: also the camera. multiview: also
    other posed views. Foreground perception always learns from labels alone, One-2-3-45 from posed
    views."""
    data: SingleViewData | BackgroundData | ViewSetData
    """The relics or photographs and how examples are made of them."""
    losses: MsrnLossSettings | ForegroundLossSettings | One2345LossSettings = dataclasses.field(
        default_factory=MsrnLossSettings
    )
    """How predictions are compared, and the weight of each term."""
    rays: RaysConfig = dataclasses.field(default_factory=RaysConfig)
    """What One-2-3-45 draws in a step, and what of it is kept in memory."""
    softness: SoftnessSchedule = dataclasses.field(default_factory=SoftnessSchedule)
    """How soft the edges of M-SRN's drawings are early on."""
    initial: str = ""
    """Folder of a run or an export whose network M-SRN starts from; empty starts at random."""
    initial_weights: str = ""
    """File of published weights that foreground perception starts from: ResNet-50 in torchvision's
    layout, .safetensors or .pth. Empty starts at random."""
    optim: OptimConfig = dataclasses.field(default_factory=OptimConfig)
    """How parameters follow their gradients."""
    pretrain: PretrainConfig = dataclasses.field(default_factory=PretrainConfig)
    """What M-SRN's deformation learns before the first step; nothing by default."""
    steps: int
    """Steps in all."""
    seed: int = 0
    """Start of all randomness: parameters, order of relics, choice of views."""
    log_every: int = 20
    """Steps averaged into one row of metrics.jsonl."""
    checkpoint_every: int = 1000
    """Steps between checkpoints; the last step is always saved."""
    validate_every: int = 0
    """Steps between validations, where the kind of model has one; 0 for none. The state is saved
    before each, and the last step is always validated."""
    keep_checkpoints: int = 2
    """Checkpoints kept, newest first."""

    def __post_init__(self) -> None:
        for given, wanted in zip((self.data, self.losses), PARTS[type(self.model)], strict=True):
            if not isinstance(given, wanted):
                raise UserError(
                    f"a {type(self.model).__name__} goes with a {wanted.__name__}, not with a "
                    f"{type(given).__name__}; change it in the config file"
                )
        if isinstance(self.model, MsrnConfig) and self.losses.background != self.data.background:
            raise UserError(
                f"losses.background is {self.losses.background} and data.background is "
                f"{self.data.background}; drawings and photographs need the same"
            )
        if isinstance(self.model, One2345Config):
            self._check_views()
        if self.validate_every < 0:
            raise UserError(f"validate_every is {self.validate_every}; set it to 0 or more")
        for name in ("steps", "log_every", "checkpoint_every", "keep_checkpoints"):
            if getattr(self, name) < 1:
                raise UserError(f"{name} is {getattr(self, name)}; set it to 1 or more")

    def _check_views(self) -> None:
        """Raises if rays ask for more than the view sets hold."""
        asked, sources = self.rays.views_per_ray, self.data.num_sources
        if asked is not None and asked > sources:
            raise UserError(
                f"rays.views_per_ray is {asked} and data.num_sources is {sources}; set it to "
                f"{sources} or less"
            )

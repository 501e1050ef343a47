"""Opens what users call a model: the folder of a training run, an export, or one file.

What opens a kind of model is imported when one is opened: the network that travels with the install
is one file, and needs neither Orbax nor the trainer.
"""

import pathlib
from typing import Any

from jaxrelic.errors import UserError
from jaxrelic.saved import one_file
from jaxrelic.saved.page import PAGE
from jaxrelic.train.tasks import kinds
from jaxrelic.train.tasks.kinds import Kind, Role


def load(path: str | pathlib.Path, *, role: Role | None = None) -> Any:
    """The trained network of a run's newest checkpoint, or of an export.

    Args:
        path: Folder of `jaxrelic train` or `jaxrelic export`, a network in one file, or the name
            of one that travels with the install.
        role: What it has to turn into what; None takes any network.

    Returns:
        The predictor of its kind: `MsrnPredictor`, `ReliefPredictor`, `One2345Predictor` or
        `MaskPredictor`.

    Raises:
        UserError: The folder is neither, or its network has another role.
    """
    path = resolved(path)
    check_role(path, role)
    if one_file.is_one(path):
        return one_file.load(path)
    if is_export(path):
        from jaxrelic.saved import export

        return export.load(path)
    from jaxrelic.saved import runs

    return runs.open_run(path)[0]


def resolved(path: str | pathlib.Path) -> pathlib.Path:
    """The path of a network; a name such as `relief` is that of one of the install."""
    path = pathlib.Path(path)
    named = {file.stem: file for file in one_file.installed()}
    return path if path.exists() else named.get(str(path), path)


def is_export(path: pathlib.Path) -> bool:
    """Whether a folder is an export."""
    return (path / PAGE).exists()


def kind_of(path: pathlib.Path) -> Kind:
    """The kind of a run's or an export's network, without opening its arrays."""
    if one_file.is_one(path):
        return kinds.named(one_file.read_page(path).get("model"))
    if is_export(path):
        from jaxrelic.saved import export

        return export.kind_of(path)
    from jaxrelic.saved import runs

    return runs.kind_of(path)


def check_role(path: pathlib.Path, role: Role | None) -> None:
    """Raises if a network of another role is wanted than the one at `path`."""
    kind = kind_of(path)
    if role is not None and kind.role != role:
        what = "an export" if one_file.is_one(path) or is_export(path) else "a run"
        raise UserError(f"{path} is {what} that {kind.purpose}; give one that turns {role}")

"""The `jaxrelic` command: finds the subcommand, parses its arguments, reports its errors.

A subcommand is a module `jaxrelic/cli/<name>.py` with a function `run(args) -> int`, whose argument
is annotated with a frozen dataclass that tyro turns into options. A module whose options depend on
a file defines `parse(argv)` as well. Modules are imported only when used: help is quick.
"""

import importlib
import logging
import os
import pathlib
import re
import signal
import sys
import typing
from collections.abc import Sequence
from types import ModuleType
from typing import Any

from jaxrelic.errors import UserError

GROUPS = {
    "Reconstruct": {
        "reconstruct": "turn one photograph, or posed ones, into a mesh",
        "segment": "find the masks of photographs",
        "turntable": "film a mesh turning, as GIF or MP4",
        "models": "list the networks that travel with the install",
    },
    "Train": {
        "train": "train a model from a config file; run it again to continue",
        "export": "turn a run's checkpoint into a folder or a file that needs nothing else",
    },
    "Measure": {
        "evaluate": "measure a trained model on held-out relics",
        "tables": "write the papers' tables with our rows in them",
        "report": "write one HTML page about a run",
    },
    "Prepare data": {
        "data": "check and prepare published data sets",
        "neighbours": "find the images that resemble each image of a data set",
    },
}
"""What a person wants to do, and the commands for it."""

COMMANDS = {name: text for group in GROUPS.values() for name, text in group.items()}

OK, MISTAKE = 0, 2
INTERRUPTED = 128 + signal.SIGINT


def main(argv: Sequence[str] | None = None) -> int:
    """Runs one command; returns its exit code."""
    argv = list(sys.argv[1:] if argv is None else argv)
    if not argv or argv[0] in ("-h", "--help"):
        print(_help())
        return OK if argv else MISTAKE
    name, *rest = argv
    if name not in COMMANDS:
        return _mistake(f"no command {name!r}; choose one of {', '.join(COMMANDS)}")
    debug = "--debug" in rest
    rest = [argument for argument in rest if argument != "--debug"]
    try:
        _keep_compiled_programs()
        _log_to_stderr()
        return importlib.import_module(f"jaxrelic.cli.{name}").run(parse(name, rest))
    except (UserError, OSError) as error:  # A full disk is the user's to clear, too.
        if debug:
            raise
        return _mistake(str(error))
    except KeyboardInterrupt:
        return INTERRUPTED


def parse(name: str, argv: Sequence[str]) -> Any:
    """The arguments of a subcommand, checked and typed; nothing is run."""
    module = importlib.import_module(f"jaxrelic.cli.{name}")
    if hasattr(module, "parse"):
        return module.parse(argv)
    import tyro  # Not needed for --help of the whole.

    (kind,) = (v for k, v in typing.get_type_hints(module.run).items() if k != "return")
    return tyro.cli(kind, prog=f"jaxrelic {name}", args=argv, description=_described(module))


def _described(module: ModuleType) -> str:
    """A command's docstring for its help, each example command on a line of its own.

    tyro joins a line that begins with a letter to the one before it, so examples are indented;
    in the source they cannot be, since `ruff format` takes the indentation away.
    """
    return re.sub(r"^(?=jaxrelic )", "    ", module.__doc__ or "", flags=re.MULTILINE)


def _help() -> str:
    lines = [
        "usage: jaxrelic COMMAND [--help] [--debug] ...",
        "",
        "One photograph of a relic to a 3D mesh.",
    ]
    for heading, commands in GROUPS.items():
        lines += ["", f"{heading}:", *(f"  {name:<12} {text}" for name, text in commands.items())]
    return "\n".join(
        [
            *lines,
            "",
            "`jaxrelic COMMAND --help` lists its options; --debug shows the traceback of an error.",
        ]
    )


def _mistake(message: str) -> int:
    print(f"jaxrelic: {message}", file=sys.stderr)
    return MISTAKE


def _keep_compiled_programs() -> None:
    """Has JAX keep compiled programs for the next start, unless the user chose a place.

    Set through the environment because JAX, which takes a second to import, reads it there.
    """
    home = os.environ.get("XDG_CACHE_HOME") or pathlib.Path.home() / ".cache"
    os.environ.setdefault("JAX_COMPILATION_CACHE_DIR", str(pathlib.Path(home, "jaxrelic", "xla")))
    os.environ.setdefault("JAX_PERSISTENT_CACHE_MIN_COMPILE_TIME_SECS", "0.5")
    os.environ.setdefault("JAX_PERSISTENT_CACHE_MIN_ENTRY_SIZE_BYTES", "-1")


def _log_to_stderr() -> None:
    logging.basicConfig(level=logging.INFO, format="%(message)s", stream=sys.stderr)
    for chatty in ("absl", "jax", "orbax"):
        logging.getLogger(chatty).setLevel(logging.WARNING)


if __name__ == "__main__":
    sys.exit(main())

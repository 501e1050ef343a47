"""`data-engine`: scans to a data set, one subcommand per stage.

Exit codes: 0 done, 2 the request cannot be met (one line says why), 130 stopped by Ctrl-C. What was
finished before a stop stays; the same command continues.
"""

import errno
import importlib
import logging
import os
import sqlite3
import sys
import textwrap
import traceback
from types import ModuleType

import tyro

from data_engine.errors import UserError

USER_FAULT, INTERRUPTED = 2, 130

GROUPS = {
    "Collect": ("procedural", "ingest"),
    "Check": ("validate", "duplicates", "status"),
    "Render": ("poses", "render", "photograph"),
    "Publish": ("shards", "report", "release"),
    "Exchange": ("export_jsonl", "import_jsonl", "export_one2345", "import_one2345"),
    "Delete": ("forget",),
}
"""What a person wants to do, and the commands for it; the first four in the order of the stages."""

COMMANDS = tuple(name for names in GROUPS.values() for name in names)
"""Modules of `data_engine.commands`. Module `foo_bar` is the subcommand
`foo-bar`; it holds its settings, class `FooBar`, and `run(settings)`. Only the one that is asked
for is imported, so that `status` need not wait for OpenCV and Pillow."""

_DISK_REMEDIES = {
    errno.ENOSPC: "free some space or choose another --workspace, then run it again",
    errno.EDQUOT: "free some of your quota or choose another --workspace, then run it again",
    errno.EFBIG: "raise the limit on file size (ulimit -f), then run it again",
    errno.EROFS: "choose a --workspace on a disk that can be written",
    errno.EACCES: "fix its permissions or choose another folder",
    errno.EPERM: "fix its permissions or choose another folder",
}


def main(argv: list[str] | None = None) -> int:
    """Runs one subcommand and returns the exit code.

    Args:
        argv: Arguments after the program's name; those of this process when None.
    """
    arguments = list(sys.argv[1:] if argv is None else argv)
    _log_in_one_line()
    debug = "--debug" in arguments
    arguments = [word for word in arguments if word != "--debug"]
    if arguments[:1] in (["-h"], ["--help"]):
        print(_help())
        return 0
    try:
        settings = parse(arguments)
        sys.modules[type(settings).__module__].run(settings)
        sys.stdout.flush()
    except SystemExit as stop:  # tyro's own: 0 after --help, 2 after an argument it cannot read.
        return int(stop.code or 0)
    except KeyboardInterrupt:
        print("data-engine: stopped; run the same command to continue", file=sys.stderr)
        return INTERRUPTED
    except BrokenPipeError:  # The reader of our output, such as `head`, has seen enough.
        os.dup2(os.open(os.devnull, os.O_WRONLY), sys.stdout.fileno())
        return 0
    except (UserError, OSError, sqlite3.Error) as error:
        if (words := _explain(error)) is None:
            raise
        if debug:
            traceback.print_exc()
        print(f"data-engine: {words}", file=sys.stderr)
        return USER_FAULT
    return 0


def _log_in_one_line() -> None:
    """Our warnings look like our errors, whatever a library makes of the root logger."""
    logger = logging.getLogger("data_engine")
    handler = logging.StreamHandler()
    handler.setFormatter(logging.Formatter("data-engine: %(message)s"))
    logger.handlers, logger.propagate = [handler], False


def parse(arguments: list[str]) -> object:
    """The settings of a subcommand; nothing is run."""
    word = arguments[0] if arguments else ""
    if word in map(_kebab_case, COMMANDS):
        kind = settings_class(word.replace("-", "_"))
        return tyro.cli(kind, prog=f"data-engine {word}", args=arguments[1:])
    return tyro.extras.subcommand_cli_from_dict(
        {_kebab_case(name): settings_class(name) for name in COMMANDS},
        prog="data-engine",
        args=arguments,
    )


def _help() -> str:
    """The commands, grouped, each with the first paragraph of its own help."""
    lines = [
        "usage: data-engine COMMAND [--help] [--debug] ...",
        "",
        "Museum scans to a rendered, documented data set. Run the stages in this order: procedural",
        "(or your own folder), ingest, validate, render, shards, release. Every stage continues",
        "where it was stopped.",
    ]
    for heading, names in GROUPS.items():
        lines += ["", f"{heading}:", *map(_help_line, names)]
    return "\n".join(
        [
            *lines,
            "",
            "`data-engine COMMAND --help` lists its options; --debug shows where an error arose.",
        ]
    )


def _help_line(name: str) -> str:
    purpose = " ".join((settings_class(name).__doc__ or "").partition("\n\n")[0].split())
    return textwrap.fill(
        purpose,
        width=100,
        initial_indent=f"  {_kebab_case(name):<15} ",
        subsequent_indent=" " * 18,
    )


def settings_class(name: str) -> type:
    """The settings of the subcommand in module `name`."""
    module: ModuleType = importlib.import_module(f"data_engine.commands.{name}")
    return getattr(module, "".join(part.capitalize() for part in name.split("_")))


def _kebab_case(name: str) -> str:
    return name.replace("_", "-")


def _explain(error: Exception) -> str | None:
    """One line that names the thing and the remedy; None if only a programmer can act on it."""
    if isinstance(error, UserError):
        return str(error)
    if isinstance(error, sqlite3.Error):
        return _explain_catalog(error)
    if (remedy := _DISK_REMEDIES.get(error.errno)) is None:
        return None
    return f"{error.filename or 'the workspace'}: {error.strerror}; {remedy}"


def _explain_catalog(error: sqlite3.Error) -> str | None:
    """What SQLite says about disks; its words for a full one depend on where it hit the end."""
    words = str(error)
    if "full" in words or "disk I/O" in words:
        return f"the catalog cannot grow ({words}); free disk space in --workspace, then run again"
    if "readonly" in words or "unable to open" in words:
        return f"the catalog cannot be written ({words}); fix the permissions of --workspace"
    if "locked" in words:
        return f"another process holds the catalog ({words}); wait for it, then run again"
    if "not a database" in words or "malformed" in words:
        return f"catalog.sqlite in --workspace is damaged ({words}); restore or remove it"
    return None


if __name__ == "__main__":
    sys.exit(main())

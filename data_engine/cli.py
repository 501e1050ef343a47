"""`data-engine`: scans to a data set, one subcommand per stage.

Exit codes: 0 done, 2 the request cannot be met (one line says why), 130 stopped by Ctrl-C. What was
finished before a stop stays; the same command continues.
"""

import errno
import os
import re
import sqlite3
import sys
import traceback
from types import ModuleType

import tyro

from data_engine.commands import (
    duplicates,
    export_jsonl,
    forget,
    import_jsonl,
    ingest,
    photograph,
    procedural,
    render,
    shards,
    status,
    validate,
)
from data_engine.errors import UserError

USER_FAULT, INTERRUPTED = 2, 130

COMMANDS: tuple[tuple[type, ModuleType], ...] = (
    (procedural.Procedural, procedural),
    (ingest.Ingest, ingest),
    (validate.Validate, validate),
    (duplicates.Duplicates, duplicates),
    (render.Render, render),
    (shards.Shards, shards),
    (photograph.Photograph, photograph),
    (status.Status, status),
    (forget.Forget, forget),
    (export_jsonl.ExportJsonl, export_jsonl),
    (import_jsonl.ImportJsonl, import_jsonl),
)
"""Settings and the module that runs them, in the order of the road."""

_DISK_REMEDIES = {
    errno.ENOSPC: "free some space or choose another --workspace, then run it again",
    errno.EDQUOT: "free some of your quota or choose another --workspace, then run it again",
    errno.EFBIG: "raise the limit on file size (ulimit -f), then run it again",
    errno.EROFS: "choose a --workspace on a disk that can be written",
    errno.EACCES: "mend its permissions or choose another folder",
    errno.EPERM: "mend its permissions or choose another folder",
}


def main(argv: list[str] | None = None) -> int:
    """Runs one subcommand and returns the exit code.

    Args:
        argv: Arguments after the program's name; those of this process when None.
    """
    arguments = list(sys.argv[1:] if argv is None else argv)
    debug = "--debug" in arguments
    arguments = [word for word in arguments if word != "--debug"]
    try:
        settings = parse(arguments)
        next(module for kind, module in COMMANDS if isinstance(settings, kind)).run(settings)
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


def parse(arguments: list[str]) -> object:
    """The settings of a subcommand; nothing is run."""
    subcommands = {_kebab_case(kind.__name__): kind for kind, _ in COMMANDS}
    return tyro.extras.subcommand_cli_from_dict(
        subcommands,
        prog="data-engine",
        description="Museum scans to a rendered, documented data set. Run the stages in this "
        "order: procedural (or your own folder), ingest, validate, render, shards. Every stage "
        "continues where it was stopped. --debug shows where an error arose.",
        args=arguments,
    )


def _kebab_case(name: str) -> str:
    return re.sub(r"(?<=[a-z0-9])(?=[A-Z])", "-", name).lower()


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
        return f"the catalog cannot be written ({words}); mend the permissions of --workspace"
    if "locked" in words:
        return f"another process holds the catalog ({words}); wait for it, then run again"
    if "not a database" in words or "malformed" in words:
        return f"catalog.sqlite in --workspace is damaged ({words}); restore or remove it"
    return None


if __name__ == "__main__":
    sys.exit(main())

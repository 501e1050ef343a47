"""Write one self-contained HTML page about relics, training, metrics and a reconstruction."""

import dataclasses
import pathlib
from typing import Annotated

import tyro


@dataclasses.dataclass(frozen=True, kw_only=True)
class ReportArguments:
    """Sources of the parts of the page; the page names those that are left out."""

    output: Annotated[pathlib.Path, tyro.conf.arg(aliases=["-o"])]
    """HTML file to write."""
    title: str = "From one photograph to a mesh"
    """Heading of the page."""
    workspace: pathlib.Path | None = None
    """Workspace of the data engine: relics, credits and counts."""
    run: pathlib.Path | None = None
    """Folder of a training run: loss curves."""
    evaluation: pathlib.Path | None = None
    """Folder with metrics.json; by default RUN/evaluation."""
    reconstruction: tyro.conf.UseAppendAction[tuple[pathlib.Path, ...]] = ()
    """Folder with the previews of `jaxrelic reconstruct`; may be given several times."""
    stages: pathlib.Path | None = None
    """JSON lines with stage, command, seconds, cpu_seconds, peak_rss_bytes and exit_code."""


def run(args: ReportArguments) -> int:
    """Writes the page."""
    from jaxrelic.errors import UserError
    from jaxrelic.viz import grids, report

    evaluation = args.evaluation
    if evaluation is None and args.run is not None:
        evaluation = args.run / "evaluation"
    page = report.build(
        report.ReportInputs(
            title=args.title,
            workspace=args.workspace,
            run=args.run,
            evaluation=evaluation,
            reconstructions=args.reconstruction,
            stages=args.stages,
        )
    )
    try:
        args.output.parent.mkdir(parents=True, exist_ok=True)
        grids.write_bytes(args.output, page.encode())
    except OSError as error:
        raise UserError(
            f"cannot write {args.output}: {error.strerror}; choose another place with -o"
        ) from error
    print(args.output)
    return 0

"""Published data sets: look at an archive, prepare it for training, or write a miniature of one."""

import dataclasses
import json
import pathlib
from collections.abc import Sequence
from typing import Annotated, Literal

import tyro

Layout = Literal[
    "shapenet-dvr", "shapenet-softras", "pix3d", "pix3d-processed", "pascal3d", "pascal3d-cars"
]
"""Published layouts that can be read."""

UNUSABLE = 2

Output = Annotated[pathlib.Path, tyro.conf.arg(aliases=["-o"])]


@dataclasses.dataclass(frozen=True, kw_only=True)
class Check:
    """Say what an archive holds, what it lacks and what that prevents."""

    path: tyro.conf.Positional[pathlib.Path]
    """Folder of an unpacked archive, or the folder around it."""
    layout: Layout | None = None
    """Layout of the archive; recognised by default."""
    open: int = 5
    """Photographs opened of each category and split; -1 for all."""
    json: bool = False
    """Print the report as JSON."""

    def run(self) -> int:
        """Prints the report; 2 if nothing can be used."""
        from jaxrelic.data.archives import check, layouts

        report = check.check(layouts.open_archive(self.path, self.layout), per_part=self.open)
        if self.json:
            print(json.dumps(dataclasses.asdict(report) | {"usable": report.usable}, indent=1))
        else:
            print(check.as_text(report))
        return 0 if report.usable else UNUSABLE


@dataclasses.dataclass(frozen=True, kw_only=True)
class Prepare:
    """Write an archive in the format that training and evaluation read."""

    layout: tyro.conf.Positional[Layout]
    """Layout of the archive."""
    path: tyro.conf.Positional[pathlib.Path]
    """Folder of the unpacked archive, or the folder around it."""
    output: Output
    """Folder for the result; an earlier result there is replaced, but its neighbours are kept."""
    split: tuple[str, ...] = ()
    """Splits that are written; all by default."""
    categories: tuple[str, ...] = ()
    """Categories that are written; all by default."""
    views: int | None = None
    """Largest number of images of each object, evenly spread; all by default."""
    surfaces: Literal["held-out", "all", "none"] = "held-out"
    """Objects whose true surface is stored: those of val and test, all, or none."""
    points: int = 100_000
    """Points of each true surface."""

    def run(self) -> int:
        """Prepares the archive and says what was written."""
        from jaxrelic.data.archives import layouts
        from jaxrelic.data.image_sets import prepare

        wanted = prepare.Wanted(
            splits=self.split,
            categories=self.categories,
            views=self.views,
            surfaces=self.surfaces,
            points=self.points,
        )
        meta = prepare.prepare(layouts.open_archive(self.path, self.layout), self.output, wanted)
        for split, facts in meta["splits"].items():
            print(
                f"{split}: {facts['images']} images of {facts['instances']} objects, "
                f"{facts['surfaces']} surfaces, {facts['skipped']['count']} files skipped"
            )
        print(self.output)
        return 0


@dataclasses.dataclass(frozen=True, kw_only=True)
class Fixture:
    """Write a miniature archive in a published layout, made from formulas."""

    layout: tyro.conf.Positional[Layout]
    """Layout to write."""
    output: Output
    """New or empty folder."""

    def run(self) -> int:
        """Writes the archive."""
        from jaxrelic.data.fixtures import archives

        archives.write_fixture(self.layout, self.output)
        print(self.output)
        return 0


COMMANDS = {"check": Check, "prepare": Prepare, "fixture": Fixture}


def parse(argv: Sequence[str]) -> Check | Prepare | Fixture:
    """The settings of one of the three."""
    return tyro.extras.subcommand_cli_from_dict(
        COMMANDS, prog="jaxrelic data", description=__doc__, args=list(argv)
    )


def run(args: Check | Prepare | Fixture) -> int:
    """Does what was asked."""
    return args.run()

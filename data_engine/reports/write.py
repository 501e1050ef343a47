"""Writes the reports of a workspace into its `reports/` folder.

index.html               the overview page, which shows and links everything else
relics-001.html, ...     galleries of a hundred relics
contact-sheet-001.jpg    the same hundred as one picture, for review and for vision models
sheets/UID.jpg           one relic: eight anchors, their depth, title and licence
thumbnails/UID.png       the view that represents a relic
figures/*                histograms and the word cloud
relics.json              every relic with its credit line and state
overview.json            the counts
"""

import json
import logging
import pathlib
from collections.abc import Sequence
from typing import Any

from data_engine.catalog.reader import CatalogReader
from data_engine.catalog.schema import Relic
from data_engine.rendering import views
from data_engine.rendering.poses import PoseSet
from data_engine.reports import figures, page, sheets, word_cloud
from data_engine.reports.census import Census, take
from data_engine.reports.listing import credit, overview
from data_engine.reports.status import data_sets
from data_engine.rights.contests import published
from data_engine.text.progress import progress
from data_engine.workspace import Workspace, write_atomically

STAGE = "report"
KEPT = ("rendered", "sharded")
CLOUD = "words.png"
_log = logging.getLogger(__name__)


def write_reports(workspace: Workspace, render_id: str, poses: PoseSet) -> list[pathlib.Path]:
    """Writes everything; pictures that show the same as before are not drawn again.

    Args:
        workspace: Where catalog, renders and reports are.
        render_id: The render whose views are shown.
        poses: Its cameras.

    Returns:
        The files to look at first: the page, then the lists.
    """
    with CatalogReader(workspace.catalog_path) as catalog:
        relics, reasons = list(map(published, catalog.relics())), catalog.reasons()
    root, sets = workspace.reports, data_sets(workspace)
    thumbnails = write_pictures(workspace, render_id, poses, relics)
    shown = [relic for relic in relics if relic.uid in thumbnails]
    census = take(relics, [relic for relic in relics if relic.state in KEPT])
    drawn = write_figures(root / "figures", census, shown)
    pages = write_contact_pages(root, shown, thumbnails)
    credits = [credit(relic, thumbnails.get(relic.uid), root) for relic in relics]
    _write_json(root / "relics.json", credits)
    facts = overview(census, reasons, sets, render_id)
    _write_json(root / "overview.json", facts)
    content = page.Content(census=census, relics=relics, shown=shown, facts=facts, figures=drawn)
    for name, text in page.build(content).items():
        write_atomically(root / name, text.encode())
        pages.append(root / name)
    _remove_others(root, ("contact-sheet-*.jpg", "contact-sheet.png", "relics-*.html"), pages)
    return [root / name for name in ("index.html", "relics.json", "overview.json")]


def write_pictures(
    workspace: Workspace, render_id: str, poses: PoseSet, relics: Sequence[Relic]
) -> dict[str, pathlib.Path]:
    """Thumbnail and contact sheet of each rendered relic; returns uid to thumbnail."""
    name, names, thumbnails, pictures = sheets.shown_view(poses), sheets.sheet_views(poses), {}, []
    for relic in progress(relics, stage=STAGE, unit="relic"):
        source = workspace.render_dir(render_id, relic.uid)
        if relic.state not in KEPT or views.read_meta(source) is None:
            continue
        thumbnail = workspace.reports / "thumbnails" / f"{relic.uid}.png"
        sheet = workspace.reports / "sheets" / f"{relic.uid}.jpg"
        try:
            sheets.write_thumbnail(thumbnail, source, name, relic)
            sheets.write_sheet(sheet, source, names, relic)
        except FileNotFoundError as error:
            _log.warning(
                "%s is missing, so its relic has no pictures; %s", error.filename, views.REMEDY
            )
            continue
        thumbnails[relic.uid] = thumbnail
        pictures += [thumbnail, sheet]
    _remove_others(workspace.reports, ("thumbnails/*.png", "sheets/*.jpg"), pictures)
    return thumbnails


def write_figures(folder: pathlib.Path, census: Census, shown: Sequence[Relic]) -> list[str]:
    """Histograms and the word cloud; returns the names of those that could be drawn."""
    folder.mkdir(parents=True, exist_ok=True)
    drawn = figures.draw_all(census)
    for name, data in drawn.items():
        write_atomically(folder / name, data)
    if (cloud := word_cloud.word_cloud(word_cloud.count_words(shown))) is not None:
        sheets.write_picture(folder / CLOUD, cloud)
        drawn[CLOUD] = b""
    _remove_others(folder, ("*.svg", "*.png"), [folder / name for name in drawn])
    return list(drawn)


def write_contact_pages(
    root: pathlib.Path, shown: Sequence[Relic], thumbnails: dict[str, pathlib.Path]
) -> list[pathlib.Path]:
    """A hundred relics per picture, in the order of uids."""
    pages = []
    for number, start in enumerate(range(0, len(shown), sheets.PAGE_RELICS), 1):
        part = shown[start : start + sheets.PAGE_RELICS]
        pages.append(root / sheets.contact_page_name(number))
        sheets.write_contact_page(pages[-1], part, [thumbnails[relic.uid] for relic in part])
    return pages


def _remove_others(
    folder: pathlib.Path, patterns: Sequence[str], kept: Sequence[pathlib.Path]
) -> None:
    """Takes away pictures of relics that are no longer here: a removal must be complete."""
    for pattern in patterns:
        for path in set(folder.glob(pattern)) - set(kept):
            path.unlink()


def _write_json(path: pathlib.Path, content: Any) -> None:
    text = json.dumps(content, indent=1, ensure_ascii=False) + "\n"
    write_atomically(path, text.encode())

"""A release: the folder that is published, made from the catalog, the renders and the shards.

    README.md            dataset card
    ATTRIBUTION.md/.csv  who made what, on which terms
    NOTICE               works under share-alike terms, if there are any
    manifest.parquet     one typed row per relic
    croissant.json       the data set for machines
    relic_views/...      the TFDS data sets, hard links to the workspace's own where possible
    release.json         what belongs to the release, with digests

The same workspace gives the same bytes: the date is that of the newest shard, or that of
SOURCE_DATE_EPOCH where it is set.
"""

import contextlib
import datetime
import filecmp
import hashlib
import json
import os
import pathlib
import shutil
from collections.abc import Iterator, Mapping, Sequence
from typing import Any

from data_engine.catalog.reader import CatalogReader
from data_engine.catalog.schema import Relic
from data_engine.errors import UserError
from data_engine.releases import card, credits, croissant, manifest
from data_engine.releases.options import ReleaseOptions
from data_engine.reports.census import UNKNOWN, Census, take
from data_engine.reports.status import data_sets
from data_engine.rights import contests
from data_engine.shards.contents import read_texts
from data_engine.text.escaping import one_line, web_address
from data_engine.text.progress import progress
from data_engine.workspace import (
    Workspace,
    file_sha256,
    link_or_copy,
    remove_leftovers,
    write_atomically,
)

STAGE = "release"
LISTING = "release.json"
SCHEMA = "jaxrelic.release/1"
RETIRED = ".retired"
"""Ending of a release that is being replaced."""


def write_release(
    workspace: Workspace, folder: pathlib.Path, options: ReleaseOptions
) -> dict[str, Any]:
    """Writes the release beside its place, then moves it there whole; an equal one stays.

    Returns:
        The listing, as in release.json.
    """
    check_replaceable(folder)
    workspace.check_space()
    with CatalogReader(workspace.catalog_path) as catalog:
        relics = [contests.published(relic) for relic in catalog.relics()]
        published = _published(catalog)
    kept = [relic for relic in relics if relic.state == "sharded"]
    sets = _checked_data_sets(workspace, kept)
    with _building(folder) as building:
        texts = _documents(workspace, relics, kept, sets, published, options)
        for name, data in texts.items():
            write_atomically(building / name, data)
        files = sorted(path for entry in sets for path in pathlib.Path(entry["path"]).iterdir())
        with progress(len(files), stage=STAGE, unit="file") as bar:
            for path in files:
                target = building / path.relative_to(workspace.shards)
                target.parent.mkdir(parents=True, exist_ok=True)
                link_or_copy(path, target)
                bar.update()
            listing = _listing(building, options)
        write_atomically(building / LISTING, _json(listing))
        _replace(building, folder)
    return listing


def check_replaceable(folder: pathlib.Path) -> None:
    """Raises `UserError` if the place holds anything that is not of an earlier release."""
    if not folder.exists():
        return
    remedy = "choose another folder with -o, or move what is there"
    if not folder.is_dir():
        raise UserError(f"{folder} is a file; {remedy}")
    present = {path.relative_to(folder).as_posix() for path in folder.rglob("*") if path.is_file()}
    try:
        listing = json.loads((folder / LISTING).read_text("utf-8"))
        ours = {LISTING, *listing["files"]} if listing["schema"] == SCHEMA else set()
    except (OSError, ValueError, KeyError, TypeError):
        ours = set()
    if foreign := sorted(present - ours):
        raise UserError(f"{folder} holds {foreign[0]}, which is not of a release; {remedy}")


def _published(catalog: CatalogReader) -> str:
    """The day of SOURCE_DATE_EPOCH, else the day the newest relic was packed."""
    epoch = os.environ.get("SOURCE_DATE_EPOCH", "")
    if epoch:
        if not epoch.isdigit():
            raise UserError(f"SOURCE_DATE_EPOCH={epoch!r}: give seconds since 1970, or unset it")
        return datetime.datetime.fromtimestamp(int(epoch), datetime.UTC).date().isoformat()
    packed = catalog.endings().get("shards", [])
    return max(packed)[:10] if packed else "1970-01-01"


def _checked_data_sets(workspace: Workspace, kept: Sequence[Relic]) -> list[dict[str, Any]]:
    """The data sets under `shards/`, if each says of the relics what the catalog says.

    So what was packed before a relic was forgotten, or its terms were corrected, is not published
    after it.
    """
    found = data_sets(workspace)
    if not kept or not found:
        raise UserError(f"nothing is packed in {workspace.root}; run `data-engine shards` first")
    for entry in found:
        folder = pathlib.Path(entry["path"])
        if problem := _difference(folder, kept):
            raise UserError(
                f"{folder} {problem}; build it again with `data-engine shards` (and its --records),"
                " or delete that folder if it is out of use"
            )
        path = folder / "metadata.json"
        entry["metadata"] = json.loads(path.read_text("utf-8")) if path.is_file() else {}
    return found


def _difference(folder: pathlib.Path, kept: Sequence[Relic]) -> str:
    """How the records of a data set differ from the catalog, in words; empty: not at all."""
    relics, seen = {relic.uid: relic for relic in kept}, set()
    for split, texts in read_texts(folder, "uid", "license", "attribution"):
        uid = texts["uid"]
        seen.add(uid)
        if uid not in relics:
            return f"holds {uid}, which the catalog does not have as packed"
        if split != relics[uid].split:
            return f"has {uid} in {split}, the catalog in {relics[uid].split}"
        for name, column in (("license", "license_spdx"), ("attribution", "attribution")):
            if texts.get(name, getattr(relics[uid], column)) != getattr(relics[uid], column):
                return f"gives {uid} another {name} than the catalog"
    lacking = sorted(relics.keys() - seen)
    return f"lacks {lacking[0]} ({len(lacking)} relics)" if lacking else ""


def _documents(
    workspace: Workspace,
    relics: Sequence[Relic],
    kept: Sequence[Relic],
    sets: Sequence[Mapping[str, Any]],
    published: str,
    options: ReleaseOptions,
) -> dict[str, bytes]:
    """File name to content of everything but the shards."""
    census, rows = take(relics, kept), manifest.encode(kept)
    facts = card.CardFacts(
        name=options.name,
        version=options.release_version,
        published=published,
        url=web_address(options.url),
        contact=options.contact,
        datasets=sets,
        renders={name: _settings(workspace, name) for name in {r.render_id for r in kept} - {""}},
    )
    page = croissant.page(
        _description(facts, census, kept),
        manifest_bytes=len(rows),
        manifest_sha256=hashlib.sha256(rows).hexdigest(),
        shards=[entry["name"] for entry in sets],
    )
    texts = {
        "README.md": card.write(facts, census),
        "ATTRIBUTION.md": credits.markdown(kept),
        "ATTRIBUTION.csv": credits.table(kept),
        "NOTICE": credits.notice(kept),
        "croissant.json": page,
    }
    documents = {name: text.encode() for name, text in texts.items() if text is not None}
    return documents | {manifest.NAME: rows}


def _settings(workspace: Workspace, render_id: str) -> dict[str, Any]:
    path = workspace.renders / render_id / "settings.json"
    return json.loads(path.read_text("utf-8")) if path.is_file() else {}


def _description(
    facts: card.CardFacts, census: Census, kept: Sequence[Relic]
) -> croissant.Description:
    deeds = {relic.license_spdx: web_address(relic.license_url) for relic in kept}
    name = one_line(facts.name)
    return croissant.Description(
        name=name,
        description=f"{census.kept} relics, each rendered from posed cameras with depth, with "
        "provenance, licence and credit line.",
        version=facts.version,
        url=facts.url,
        licenses=[deeds[spdx] or spdx for spdx in census.licenses],
        languages=[tag for tag in census.languages if tag != UNKNOWN],
        published=facts.published,
        cite_as=f"{name}, version {facts.version} ({facts.published}), "
        "made with jaxrelic; credits of the single works in ATTRIBUTION.md",
        responsible_ai={
            "dataCollection": "Scans and models of objects published by: "
            + ", ".join(f"{source} ({count})" for source, count in census.sources.items()),
            "dataCollectionType": ["Others"],
            "dataCollectionMissingData": [
                words for words in card.biases(census) if words.endswith("is unknown.")
            ],
            "dataPreprocessingProtocol": [
                "Meshes are validated, repeated shapes are set aside, each mesh is scaled and "
                "centred, rendered under fixed settings and its surface sampled."
            ],
            "dataAnnotationProtocol": "Categories come from the source's own words.",
            "dataBiases": card.biases(census),
            "dataLimitations": [
                "Renders of scans under even light differ from photographs in museums."
            ],
            "dataUseCases": ["Single-view and multi-view 3D reconstruction of objects."],
            "personalSensitiveInformation": [
                "Names of authors as they credit themselves; likenesses of persons in sculpture."
            ],
            "dataReleaseMaintenancePlan": "Relics are removed on request; see README.md, Removal."
            + (f" Contact: {one_line(facts.contact)}" if facts.contact else ""),
        },
    )


def _listing(building: pathlib.Path, options: ReleaseOptions) -> dict[str, Any]:
    files = sorted(path for path in building.rglob("*") if path.is_file())
    return {
        "schema": SCHEMA,
        "name": one_line(options.name),
        "version": options.release_version,
        "files": {
            path.relative_to(building).as_posix(): {
                "bytes": path.stat().st_size,
                "sha256": file_sha256(path),
            }
            for path in files
        },
    }


def _json(content: Any) -> bytes:
    return (json.dumps(content, indent=1, ensure_ascii=False) + "\n").encode()


@contextlib.contextmanager
def _building(folder: pathlib.Path) -> Iterator[pathlib.Path]:
    """A folder beside the release; those of killed runs are swept away."""
    folder.parent.mkdir(parents=True, exist_ok=True)
    prefix = f".{folder.name}.building-"
    remove_leftovers(folder.parent, prefix)
    building = folder.with_name(f"{prefix}{os.getpid()}")
    shutil.rmtree(building, ignore_errors=True)
    building.mkdir()
    try:
        yield building
    finally:
        shutil.rmtree(building, ignore_errors=True)


def _replace(built: pathlib.Path, folder: pathlib.Path) -> None:
    """Puts the release in its place; one that says the same stays untouched."""
    if folder.exists():
        if _same(built, folder):
            return
        retired = built.with_name(f"{built.name}{RETIRED}")
        os.rename(folder, retired)
        os.rename(built, folder)
        shutil.rmtree(retired)
    else:
        os.rename(built, folder)


def _same(built: pathlib.Path, folder: pathlib.Path) -> bool:
    listed = folder / LISTING
    if not listed.is_file() or not filecmp.cmp(built / LISTING, listed, shallow=False):
        return False
    files = json.loads(listed.read_text("utf-8"))["files"]
    return all(
        (folder / name).is_file() and (folder / name).stat().st_size == facts["bytes"]
        for name, facts in files.items()
    )

"""How far the relics of a catalog are along the road, stage by stage."""

import dataclasses
from collections.abc import Mapping

from data_engine.catalog.schema import STATES

ROAD = (
    ("ingest", "found", "fetched"),
    ("validate", "fetched", "validated"),
    ("render", "validated", "rendered"),
    ("shards", "rendered", "sharded"),
)
"""Stage, the state it takes relics from and the state it brings them to. The cleaning stages lie
between validate and render; where they are not used, render takes validated relics."""
OUT = ("rejected", "failed", "duplicate")
"""States off the road."""

Tallies = Mapping[tuple[str, str, str], int]
"""Relics per (state, reason_stage, dup_kind); see `CatalogReader.tallies`."""


@dataclasses.dataclass(frozen=True, kw_only=True)
class StageCount:
    """One stage of the road."""

    stage: str
    done: int
    """Relics that came through it, wherever they are now."""
    out: int
    """Relics that ended here: rejected, failed or repeated."""
    waiting: int
    """Relics that this stage can take."""


def count_stages(tallies: Tallies) -> list[StageCount]:
    """The road with its counts; done + out + waiting is what reached a stage."""
    return [
        StageCount(
            stage=stage,
            done=sum(n for key, n in tallies.items() if _reached(*key) >= STATES.index(after)),
            out=sum(n for key, n in tallies.items() if _ended_in(*key) == stage),
            waiting=sum(
                n
                for (state, *_), n in tallies.items()
                if state not in OUT and STATES.index(before) <= STATES.index(state)
                and STATES.index(state) < STATES.index(after)
            ),
        )
        for stage, before, after in ROAD
    ]  # fmt: skip


def _ended_in(state: str, reason_stage: str, dup_kind: str) -> str | None:
    """The stage a relic ended in; None if it is on the road."""
    if state == "duplicate":  # Equal files are found on entry, equal shapes when measured.
        return "ingest" if dup_kind == "exact" else "validate"
    return reason_stage if state in OUT else None


def _reached(state: str, reason_stage: str, dup_kind: str) -> int:
    """Position in `STATES` of the last state on the road that a relic was in."""
    if state not in OUT:
        return STATES.index(state)
    ended = _ended_in(state, reason_stage, dup_kind)
    before = {stage: came_from for stage, came_from, _ in ROAD}
    return STATES.index(before.get(ended or "", "validated"))

"""`manifest.parquet`: one typed row per relic, the part of the catalog that is published."""

import dataclasses
import io
import typing
from collections.abc import Sequence

import pyarrow as pa
import pyarrow.parquet as pq

from data_engine.catalog.schema import VERDICT_COLUMNS, Relic, Triple

NAME = "manifest.parquet"
_TYPES = {
    str: pa.string(),
    int: pa.int64(),
    float: pa.float64(),
    bool: pa.bool_(),
    Triple: pa.list_(pa.float64()),
}


def schema() -> pa.Schema:
    """The catalog's columns but for the verdicts, which are the same for every published relic."""
    hints = typing.get_type_hints(Relic)
    names = [f.name for f in dataclasses.fields(Relic) if f.name not in VERDICT_COLUMNS]
    return pa.schema([_column(name, hints[name]) for name in names])


def _column(name: str, hint: typing.Any) -> pa.Field:
    """A column that may be null where None is not known; an empty string is not known either."""
    options = [option for option in typing.get_args(hint) if option is not type(None)]
    optional = type(None) in typing.get_args(hint)
    kind = options[0] if optional else hint
    if typing.get_origin(kind) is tuple and kind != Triple:
        (element, *_) = typing.get_args(kind)
        return pa.field(name, pa.list_(_TYPES[element]), nullable=optional)
    return pa.field(name, _TYPES[kind], nullable=optional)


def encode(relics: Sequence[Relic]) -> bytes:
    """The file, sorted by uid; the same relics give the same bytes."""
    columns = schema()
    rows = [
        {name: _plain(getattr(relic, name)) for name in columns.names}
        for relic in sorted(relics, key=lambda relic: relic.uid)
    ]
    file = io.BytesIO()
    pq.write_table(pa.Table.from_pylist(rows, schema=columns), file, compression="zstd")
    return file.getvalue()


def _plain(value: typing.Any) -> typing.Any:
    return list(value) if isinstance(value, tuple) else value

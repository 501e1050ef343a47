"""`croissant.json`: the data set in Croissant 1.1 (JSON-LD), with its responsible-AI fields.

Specification: https://docs.mlcommons.org/croissant/docs/croissant-spec-1.1.html and
https://docs.mlcommons.org/croissant/docs/croissant-rai-spec.html.
"""

import dataclasses
import json
from collections.abc import Mapping, Sequence
from typing import Any

import pyarrow as pa

from data_engine.releases import manifest

_CONTEXT = {
    "@language": "en",
    "@vocab": "https://schema.org/",
    "arrayShape": "cr:arrayShape",
    "citeAs": "cr:citeAs",
    "column": "cr:column",
    "conformsTo": "dct:conformsTo",
    "containedIn": "cr:containedIn",
    "cr": "http://mlcommons.org/croissant/",
    "rai": "http://mlcommons.org/croissant/RAI/",
    "data": {"@id": "cr:data", "@type": "@json"},
    "dataType": {"@id": "cr:dataType", "@type": "@vocab"},
    "dct": "http://purl.org/dc/terms/",
    "description": {"@container": "@language"},
    "equivalentProperty": "cr:equivalentProperty",
    "examples": {"@id": "cr:examples", "@type": "@json"},
    "extract": "cr:extract",
    "field": "cr:field",
    "fileProperty": "cr:fileProperty",
    "fileObject": "cr:fileObject",
    "fileSet": "cr:fileSet",
    "format": "cr:format",
    "includes": "cr:includes",
    "isArray": "cr:isArray",
    "isLiveDataset": "cr:isLiveDataset",
    "jsonPath": "cr:jsonPath",
    "key": "cr:key",
    "md5": "cr:md5",
    "name": {"@container": "@language"},
    "parentField": "cr:parentField",
    "path": "cr:path",
    "recordSet": "cr:recordSet",
    "references": "cr:references",
    "regex": "cr:regex",
    "repeated": "cr:repeated",
    "replace": "cr:replace",
    "samplingRate": "cr:samplingRate",
    "sc": "https://schema.org/",
    "separator": "cr:separator",
    "source": "cr:source",
    "subField": "cr:subField",
    "transform": "cr:transform",
}
_CONFORMS_TO = [
    "http://mlcommons.org/croissant/1.1",
    "http://mlcommons.org/croissant/RAI/1.0",
]
_DATA_TYPES = {
    pa.string(): "sc:Text",
    pa.int64(): "cr:Int64",
    pa.float64(): "cr:Float64",
    pa.bool_(): "sc:Boolean",
}
RECORD_SET = "relics"


@dataclasses.dataclass(frozen=True, kw_only=True)
class Description:
    """What the page says about the data set as a whole."""

    name: str
    description: str
    version: str
    url: str
    licenses: Sequence[str]
    """Addresses of deeds, or SPDX identifiers where there is none."""
    languages: Sequence[str]
    published: str
    """Date, YYYY-MM-DD."""
    cite_as: str
    responsible_ai: Mapping[str, Any]
    """Fields of the RAI vocabulary, without its prefix."""


def page(about: Description, *, manifest_bytes: int, manifest_sha256: str, shards: Sequence[str]):
    """The JSON-LD document as text.

    Args:
        about: The data set.
        manifest_bytes: Size of manifest.parquet.
        manifest_sha256: Its digest.
        shards: Folders of the TFDS data sets, relative to the page.
    """
    document = {
        "@context": _CONTEXT,
        "@type": "sc:Dataset",
        "conformsTo": _CONFORMS_TO,
        "name": about.name,
        "description": about.description,
        "url": about.url,
        "version": about.version,
        "license": list(about.licenses),
        "inLanguage": list(about.languages),
        "datePublished": about.published,
        "citeAs": about.cite_as,
        "keywords": ["3D", "cultural heritage", "single-view reconstruction", "multi-view"],
        **{f"rai:{name}": value for name, value in about.responsible_ai.items() if value},
        "distribution": [
            {
                "@type": "cr:FileObject",
                "@id": manifest.NAME,
                "name": manifest.NAME,
                "description": "One row per relic: identity, provenance, licence, split, digests.",
                "contentUrl": manifest.NAME,
                "contentSize": f"{manifest_bytes} B",
                "encodingFormat": "application/x-parquet",
                "sha256": manifest_sha256,
            },
            *(_file_set(folder) for folder in shards),
        ],
        "recordSet": [_record_set()],
    }
    kept = {name: value for name, value in document.items() if value not in ("", [])}
    return json.dumps(kept, indent=1, ensure_ascii=False) + "\n"


def _file_set(folder: str) -> dict[str, Any]:
    return {
        "@type": "cr:FileSet",
        "@id": folder,
        "name": folder,
        "description": "TFDS data set in ArrayRecord files; open the folder with "
        "tfds.builder_from_directory.",
        "encodingFormat": "application/octet-stream",
        "includes": f"{folder}/*.array_record*",
    }


def _record_set() -> dict[str, Any]:
    return {
        "@type": "cr:RecordSet",
        "@id": RECORD_SET,
        "name": RECORD_SET,
        "description": "The relics, sorted by uid.",
        "key": {"@id": f"{RECORD_SET}/uid"},
        "field": [_field(column) for column in manifest.schema()],
    }


def _field(column: pa.Field) -> dict[str, Any]:
    repeated = pa.types.is_list(column.type)
    kind = _DATA_TYPES[column.type.value_type if repeated else column.type]
    return {
        "@type": "cr:Field",
        "@id": f"{RECORD_SET}/{column.name}",
        "name": column.name,
        "dataType": kind,
        **({"isArray": True, "arrayShape": "-1"} if repeated else {}),
        "source": {"fileObject": {"@id": manifest.NAME}, "extract": {"column": column.name}},
    }

"""Notes on a relic that was taken: what was missing in its files, or had to be assumed."""

import dataclasses

NOTES = {
    "material_file_missing": "a file of materials that it names was not found",
    "material_missing": "its faces use a material that is defined nowhere, or name none",
    "picture_missing": "a picture that it names was not found",
    "picture_unread": "a picture that it names could not be read",
    "file_elsewhere": "a file was not where its name says, and one of that name was taken",
    "picture_converted": "a picture of a kind that glTF cannot hold became PNG",
    "map_ignored": "a map of a material has no place in glTF and was left out",
    "colours_ignored": "colours were left out, because a picture or others hold, or they are none",
    "colours_assumed": "colours are not in the range of their type, or only some are given",
    "opacity_assumed": "a picture is clear or solid everywhere, and was taken to cut holes",
    "opacity_ignored": "a material says that it cannot be seen, and is shown",
    "mask_combined": "a mask of opacity was put into a copy of the picture",
    "texture_coordinates_missing": "a picture has faces without texture coordinates",
    "faces_dropped": "faces without an area to fill were left out",
    "moved_to_origin": "it lay so far from the origin that it was moved there",
    "count_assumed": "its header gives another number of triangles than there are",
    "trailing_bytes": "bytes after its end were ignored",
}
"""Code of a note and what it means; the codes are stable, the sentences of single notes are not."""

_SENTENCE = 300


@dataclasses.dataclass(frozen=True)
class Note:
    """One thing that was missing or assumed."""

    code: str
    """One of `NOTES`."""
    sentence: str
    """Names the file, the material or the number."""

    def __post_init__(self):
        if self.code not in NOTES:
            raise ValueError(f"note {self.code!r} is not one of {tuple(NOTES)}")

    def __str__(self) -> str:
        """As the catalog keeps it."""
        return f"{self.code}: {self.sentence[:_SENTENCE]}"


def code_of(text: str) -> str:
    """The code of a note as the catalog keeps it."""
    return text.partition(": ")[0]

"""List the networks that travel with the install: what each does, how it was made, how well."""

import dataclasses
import json
import pathlib
from typing import Any

import tyro


@dataclasses.dataclass(frozen=True, kw_only=True)
class ModelsArguments:
    """The networks to list."""

    models: tyro.conf.Positional[tuple[pathlib.Path, ...]] = ()
    """Files of networks; by default those of the install."""
    json: bool = False
    """Print the cards as JSON."""


def run(args: ModelsArguments) -> int:
    """Prints one card each."""
    from jaxrelic.saved import one_file
    from jaxrelic.train.tasks import kinds

    paths = args.models or one_file.installed()
    cards = {path.stem: one_file.read_page(path) for path in paths}
    if args.json:
        print(json.dumps(cards, indent=2, ensure_ascii=False))
        return 0
    for path, (name, card) in zip(paths, cards.items(), strict=True):
        size = path.stat().st_size / 1e6
        print(f"{name}: {kinds.named(card['model']).role}, {size:.1f} MB")
        for key in ("training", "data", "scores", "failures", "license"):
            if key in card:
                print(f"  {key}: {_line(card[key])}")
    return 0


def _line(value: Any) -> str:
    """JSON as words."""
    if isinstance(value, dict):
        return ", ".join(f"{key.replace('_', ' ')} {_line(item)}" for key, item in value.items())
    if isinstance(value, list):
        return ", ".join(_line(item) for item in value)
    return str(value)

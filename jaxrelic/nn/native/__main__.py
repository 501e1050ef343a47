"""Builds the native convolutions for this machine: `python -m jaxrelic.nn.native`."""

import sys

from jaxrelic.errors import UserError
from jaxrelic.nn.native.build import LIBRARY, has_tiles

if __name__ == "__main__":
    try:
        if not has_tiles():
            raise UserError("this processor has no AMX, which the native convolutions are made for")
        print(LIBRARY.build())
    except (UserError, OSError) as error:
        print(f"jaxrelic: {error}", file=sys.stderr)
        sys.exit(2)

"""Builds the native rasterizer for this machine: `python -m jaxrelic.rendering.native`."""

import sys

from jaxrelic.errors import UserError
from jaxrelic.rendering.native.build import LIBRARY

if __name__ == "__main__":
    try:
        print(LIBRARY.build())
    except (UserError, OSError) as error:
        print(f"jaxrelic: {error}", file=sys.stderr)
        sys.exit(2)

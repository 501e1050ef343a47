"""Lists the tests that take long, from what pytest says with --durations=0; `make slow` writes it.

Reads standard input, prints a line "seconds test" for each test of more than SECONDS, its fixtures
included, the longest first.
"""

import collections
import re
import sys
from collections.abc import Iterable

SECONDS = 1.0
DURATION = re.compile(r"(\d+\.\d+)s (?:setup|call|teardown) +(\S.*::.*)")


def slow_tests(lines: Iterable[str]) -> list[tuple[float, str]]:
    """Seconds and name of each slow test, the longest first."""
    taken = collections.Counter()
    for line in lines:
        if found := DURATION.match(line):
            taken[found[2].strip()] += float(found[1])
    return [(seconds, test) for test, seconds in taken.most_common() if seconds > SECONDS]


if __name__ == "__main__":
    for seconds, test in slow_tests(sys.stdin):
        print(f"{seconds:.1f} {test}")

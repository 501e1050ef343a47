"""Four virtual CPU devices, programs compiled quickly and kept, no silent rank promotion."""

import collections
import gc
import os
import pathlib
import shutil
import sys

# Nearly all programs run once or twice on a few numbers: optimising them takes two to three times
# as long as what it saves. Child processes inherit the flags.
FLAGS = (
    "--xla_force_host_platform_device_count=4",
    "--xla_backend_optimization_level=0",
)
os.environ["XLA_FLAGS"] = " ".join([os.environ.get("XLA_FLAGS", ""), *FLAGS]).strip()
os.environ.setdefault("JAX_PLATFORMS", "cpu")
# Child processes find what was compiled for another before them.
ROOT = pathlib.Path(__file__).parent.parent
os.environ["JAX_COMPILATION_CACHE_DIR"] = str(ROOT / ".cache" / "jax")
os.environ["JAX_PERSISTENT_CACHE_MIN_COMPILE_TIME_SECS"] = "0.5"
os.environ["JAX_PERSISTENT_CACHE_MIN_ENTRY_SIZE_BYTES"] = "-1"
# Without the native rasterizer a machine may have, so that tests mean the same everywhere.
os.environ["JAXRELIC_CACHE"] = str(ROOT / ".cache" / "no-native")

import jax
import pytest

# pytest's importlib mode leaves the folder of the tests out.
sys.path.append(str(pathlib.Path(__file__).parent))

# Fixtures that several rooms share.
pytest_plugins = ["tiny_networks"]

SLOW = ROOT / "tests" / "slow.txt"
"""Lines "seconds test", which `make slow` measures."""
MAPS = pathlib.Path("/proc/self/maps")
MOST_MAPS = 20_000
"""Linux gives a process 65530, a run of training takes 10000, and without any LLVM crashes."""

jax.config.update("jax_numpy_rank_promotion", "raise")


def pytest_collection_modifyitems(items):
    """Marks what is slow, and begins with the files that take longest: the workers end together."""
    seconds, of_file = {}, collections.Counter()
    for line in SLOW.read_text().splitlines():
        taken, test = line.split(" ", 1)
        seconds[test] = float(taken)
        of_file[ROOT / test.split("::")[0]] += float(taken)
    for item in items:
        if item.nodeid in seconds:
            item.add_marker("slow")
    items.sort(key=lambda item: -of_file[item.path])


def pytest_runtest_teardown(item, nextitem):
    """Between files: a program keeps about ten maps as long as JAX remembers it."""
    if nextitem is not None and nextitem.path == item.path:
        return
    if MAPS.exists() and MAPS.read_bytes().count(b"\n") > MOST_MAPS:
        jax.clear_caches()
        gc.collect()


@pytest.fixture(scope="session")
def browser():
    """A headless Chromium from the system; selenium never fetches one."""
    from selenium import webdriver

    chromium, driver = shutil.which("chromium"), shutil.which("chromedriver")
    if not (chromium and driver):
        pytest.skip("no chromium and chromedriver here; scripts/setup.sh --browser installs them")
    options = webdriver.ChromeOptions()
    options.binary_location = chromium
    for argument in ("--headless=new", "--no-sandbox", "--disable-dev-shm-usage"):
        options.add_argument(argument)
    options.set_capability("goog:loggingPrefs", {"browser": "ALL"})
    with webdriver.Chrome(options=options, service=webdriver.ChromeService(driver)) as chrome:
        yield chrome

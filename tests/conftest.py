"""Four virtual CPU devices, no silent rank promotion, compiled programs kept between runs."""

import os
import pathlib
import shutil
import sys

os.environ["XLA_FLAGS"] = (
    os.environ.get("XLA_FLAGS", "") + " --xla_force_host_platform_device_count=4"
).strip()
os.environ.setdefault("JAX_PLATFORMS", "cpu")
# Without the native rasterizer a machine may have, so that tests mean the same everywhere.
os.environ["JAXRELIC_CACHE"] = str(pathlib.Path(__file__).parent.parent / ".cache" / "no-native")

import jax
import pytest

# pytest's importlib mode leaves the folder of the tests out.
sys.path.append(str(pathlib.Path(__file__).parent))

# Fixtures that several rooms share.
pytest_plugins = ["tiny_networks"]

CACHE = pathlib.Path(__file__).parent.parent / ".cache" / "jax"

jax.config.update("jax_numpy_rank_promotion", "raise")
jax.config.update("jax_compilation_cache_dir", str(CACHE))
jax.config.update("jax_persistent_cache_min_compile_time_secs", 0.5)
jax.config.update("jax_persistent_cache_min_entry_size_bytes", -1)


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

"""The image that `make image` has built, and how to run it."""

from __future__ import annotations

import os
import shlex

import pytest
from image.container import Engine


@pytest.fixture(scope="session")
def engine() -> Engine:
    """Return the engine that tests/image/build names."""
    if "KEYPLAN_ENGINE" not in os.environ:
        pytest.skip("no image was built: run `make image`")
    return Engine(
        argv=tuple(shlex.split(os.environ["KEYPLAN_ENGINE"])),
        run_options=tuple(shlex.split(os.environ["KEYPLAN_RUN"])),
        image=os.environ["KEYPLAN_IMAGE"],
    )

"""The sink `command` as far as it goes without running anything."""

from typing import Any

import pytest
from jsonschema import Draft202012Validator

from keyplan.sinks.command.sink import OPTIONS


@pytest.mark.parametrize(
    ("options", "fits"),
    [
        pytest.param({"argv": ["./store.sh", "{name}"], "describe": None, "timeout": "30s"}, True, id="as in the docs"),
        pytest.param({"argv": "store.sh | tee"}, False, id="a shell line"),
        pytest.param({"argv": []}, False, id="no program"),
        pytest.param({"argv": ["x"], "timeout": "0s"}, False, id="no time"),
        pytest.param({"argv": ["x"], "timeout": 30}, False, id="a time without unit"),
        pytest.param({"argv": ["x"], "copy_from": True}, False, id="it cannot be read"),
    ],
)
def test_options_are_checked(options: dict[str, Any], fits: bool) -> None:
    assert Draft202012Validator(OPTIONS).is_valid(options) is fits

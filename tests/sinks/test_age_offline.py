"""The sink `age` as far as it goes without pyrage."""

from typing import Any

import pytest
from jsonschema import Draft202012Validator

from keyplan.sinks.age.sink import OPTIONS


@pytest.mark.parametrize(
    ("options", "fits"),
    [
        pytest.param({"recipients": ["age1qqq"]}, True, id="as in the docs"),
        pytest.param({"recipients": ["ssh-ed25519 AAAA me"], "identity": {"file": "k"}}, True, id="SSH and identity"),
        pytest.param({}, False, id="for nobody"),
        pytest.param({"recipients": []}, False, id="for nobody at all"),
        pytest.param({"recipients": ["AGE-SECRET-KEY-1"]}, False, id="a private key"),
        pytest.param({"recipients": ["age1qqq"], "identity": "AGE-SECRET-KEY-1"}, False, id="a literal identity"),
        pytest.param({"recipients": ["age1qqq"], "format": "dotenv"}, False, id="a format for several keys"),
    ],
)
def test_options_are_checked(options: dict[str, Any], fits: bool) -> None:
    assert Draft202012Validator(OPTIONS).is_valid({"path": "{name}.age", **options}) is fits

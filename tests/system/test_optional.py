import json

import pytest

from keyplan.errors import InputError
from keyplan.system.optional import require


def test_a_module_that_is_installed_is_returned() -> None:
    assert require("json", extra="vault") is json


def test_a_missing_package_is_an_error_that_says_what_to_install() -> None:
    with pytest.raises(InputError, match="'vault' needs a package that is not installed: no_such_package") as caught:
        require("no_such_package", extra="vault")
    assert caught.value.advice == "pip install 'keyplan[vault]'"


def test_a_package_that_lacks_a_part_is_named_by_that_part() -> None:
    with pytest.raises(InputError, match=r"not installed: json\.no_such_part"):
        require("json.no_such_part", extra="vault")

"""Texts of a key that change while its raw key stays; the flows are in tests/test_other_laws.py."""

from __future__ import annotations

from typing import cast

import pytest
from samples import make_desired

from keyplan.applier.update import edit
from keyplan.errors import InputError
from keyplan.model.identity import KeyId
from keyplan.ports import KeyWriter


class Uneditable:
    """A writer that offers no update."""


def test_a_writer_that_offers_no_update_is_the_plugins_mistake() -> None:
    with pytest.raises(InputError, match="can't be changed"):
        edit(cast(KeyWriter, Uneditable()), KeyId("key-1"), make_desired())

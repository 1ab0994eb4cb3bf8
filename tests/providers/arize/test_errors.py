"""What an exchange is called when there is none; the rest is told by the client's tests."""

from __future__ import annotations

import pytest

from keyplan.errors import InDoubtError, ProviderUnavailableError
from keyplan.providers.arize.errors import expect_success


def test_a_request_that_was_never_sent_had_no_effect() -> None:
    with pytest.raises(ProviderUnavailableError, match="create key 'ci': the server keeps asking to wait"):
        expect_success("create key 'ci'", None, InDoubtError)

"""An error as text, word for word."""

from __future__ import annotations

import pytest
from samples import make_problem
from syrupy.assertion import SnapshotAssertion

from keyplan.errors import InputError, KeyplanError, ManifestError
from keyplan.renderers.text.problems import render_error


@pytest.mark.parametrize(
    "error",
    [
        pytest.param(InputError("sink 'vualt' is unknown", advice="did you mean 'vault'?"), id="with advice"),
        pytest.param(KeyplanError("it broke"), id="without advice"),
        pytest.param(InputError("keys.yaml:1:1: one\nkeys.yaml:9:1: two", advice="do it"), id="several problems"),
        pytest.param(
            ManifestError((make_problem("one", line=3), make_problem("two", line=9, column=4))),
            id="problems of a manifest",
        ),
    ],
)
def test_an_error_reads_like_this(error: KeyplanError, snapshot: SnapshotAssertion) -> None:
    assert render_error(error) == snapshot

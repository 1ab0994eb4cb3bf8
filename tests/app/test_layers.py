"""What the user lays over a manifest is the same for every manifest of a run."""

from __future__ import annotations

import pytest

from keyplan.app.layers import Layers, read_assignments
from keyplan.errors import InputError


def test_an_assignment_is_a_name_and_any_value() -> None:
    assert read_assignments(("a=1", "b=", "c=x=y", "a=2")) == {"a": "2", "b": "", "c": "x=y"}


@pytest.mark.parametrize("text", ["a", "=b", ""])
def test_what_assigns_nothing_is_refused(text: str) -> None:
    with pytest.raises(InputError, match="is not NAME=VALUE"):
        read_assignments((text,))


def test_layers_say_which_options_they_are() -> None:
    layers = Layers(overlays=("a.yaml",), var_files=("v.yaml",), variables={"x": "y z"})
    assert list(layers.words) == ["--overlay", "a.yaml", "--var-file", "v.yaml", "--var", "x=y z"]
    assert layers.files == ("a.yaml", "v.yaml")

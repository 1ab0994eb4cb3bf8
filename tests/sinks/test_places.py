"""When two places are the same, as far as a manifest shows it."""

from __future__ import annotations

import posixpath

from hypothesis import example, given
from hypothesis import strategies as st

from keyplan.sinks.places import identify_file

PATHS = st.lists(st.sampled_from(["a", "b.key", ".hidden", "..", ".", "", "x..y"]), min_size=1, max_size=5)


@given(st.booleans(), PATHS, st.sampled_from(["/srv", "/srv/.config", "/", "relative", "."]))
@example(is_absolute=False, parts=["a", ".."], folder="/srv")
@example(is_absolute=True, parts=["", "a"], folder="/srv")
@example(is_absolute=False, parts=["a", ""], folder="/srv")
@example(is_absolute=False, parts=["a"], folder=".")
def test_a_file_is_known_by_its_path_in_normal_form(is_absolute: bool, parts: list[str], folder: str) -> None:
    path = ("/" if is_absolute else "") + "/".join(parts)
    whole = path if path.startswith("/") else f"{folder}/{path}"
    identity = identify_file(path, folder, entry="KEY", form="dotenv")
    assert identity.container == f"file {posixpath.normpath(whole)}"
    assert (identity.entry, identity.form) == ("KEY", "dotenv")

"""Whatever stands in a file, reading it gives a manifest or problems, each in one visible line, and nothing else."""

from __future__ import annotations

import json
import re
from collections.abc import Callable
from typing import Any

from hypothesis import given
from hypothesis import strategies as st

from keyplan.model.manifest import Manifest

Read = Callable[[bytes], Manifest]
Find = Callable[[bytes], tuple[str, ...]]

SOUND = b"""\
version: 1
owner: ml
id: k1
formerly: [old, {owner: older, id: k2}]
removed: [{address: user/p, to: other}]
provider: {type: arize, region: eu, credential: {env: KEY}, creators: [VXNlcjox]}
limits: {deletes: 1, replaces: 2, replace_percent: 3}
sinks:
  local: &sink {type: file, path: "{name}.env"}
  other: *sink
defaults: {sink: local, rotation: {overlap: 1h}}
policy:
  max_age: 90d
  names: [x, '[a-z]+']
  allowed_roles: {space_role: [member, {type: CUSTOM, id: r}]}
  required_sinks: [local, [{type: file}, other]]
keys:
  - {name: a, key_type: user, description: 'x', expires_at: 2027-01-01T00:00:00Z}
  - name: b
    key_type: service
    space: production
    roles: {space_role: {type: CUSTOM, id: r}}
    rotation: {every: 30d, generation: 2}
    sink: [local, {name: local, path: p}]
    moved_from: [user/o, {owner: other, id: k3, address: user/q}]
    import: QXBpS2V5OjE6YUFh
  - {name: c, key_type: service, organizations: [{org_id: o, spaces: [{space_id: s, role: admin}]}]}
"""
WORDS = sorted(
    {word.decode() for word in re.findall(rb"[A-Za-z_0-9:/-]+", SOUND)}
    | {"settle", "adopt", "self", "space_id", "name"}
)
SCALARS = st.none() | st.booleans() | st.integers() | st.floats() | st.sampled_from(WORDS) | st.text(max_size=8)
VALUES = st.recursive(
    SCALARS,
    lambda inner: st.lists(inner, max_size=3) | st.dictionaries(st.sampled_from(WORDS), inner, max_size=5),
    max_leaves=12,
)
KEYS = st.lists(st.dictionaries(st.sampled_from(WORDS), VALUES, max_size=8), max_size=3)


def assert_read_or_refused(find_problems: Find, data: bytes) -> None:
    for problem in find_problems(data):
        assert re.match(r"[0-9]+:[0-9]+: .", problem)
        assert problem.isprintable()


def test_the_manifest_that_is_mutated_below_is_sound(read_bytes: Read) -> None:
    assert [key.address for key in read_bytes(SOUND).keys] == ["user/a", "service/production/b", "service/s/c"]


@given(st.binary(max_size=200))
def test_any_bytes(find_problems: Find, data: bytes) -> None:
    assert_read_or_refused(find_problems, data)


@given(st.text(max_size=200))
def test_any_text(find_problems: Find, text: str) -> None:
    assert_read_or_refused(find_problems, text.encode(errors="surrogatepass"))


@given(st.text(alphabet="abkey:-[]{}&*!|>'\"\\ \n\t#%@,?~019.<", max_size=80))
def test_any_text_that_looks_like_yaml(find_problems: Find, text: str) -> None:
    assert_read_or_refused(find_problems, text.encode())


@given(st.integers(0, len(SOUND)), st.integers(0, 40), st.sampled_from(WORDS) | st.text(max_size=10))
def test_a_sound_manifest_with_a_piece_replaced(find_problems: Find, start: int, length: int, piece: str) -> None:
    mutated = SOUND[:start] + piece.encode(errors="surrogatepass") + SOUND[start + length :]
    assert_read_or_refused(find_problems, mutated)


@given(st.dictionaries(st.sampled_from(WORDS), VALUES, max_size=8), KEYS)
def test_any_values_in_known_fields(find_problems: Find, fields: dict[str, Any], keys: list[Any]) -> None:
    manifest = {"version": 1, "owner": "ml", "sinks": {"local": {"type": "vault"}}, **fields, "keys": keys}
    assert_read_or_refused(find_problems, json.dumps(manifest).encode())

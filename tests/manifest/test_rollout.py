"""Which rollout a manifest has, and which group a declaration is in."""

from __future__ import annotations

from collections.abc import Callable
from datetime import timedelta

import pytest

from keyplan.model.limits import Rollout
from keyplan.model.manifest import Manifest

Read = Callable[[str], Manifest]
Find = Callable[[str], tuple[str, ...]]

HEAD = """\
version: 1
owner: ml
sinks: {local: {type: file, path: "{name}.key"}}
defaults: {sink: local}
keys:
  - {name: ci, key_type: user, group: pair}
  - {name: eval, key_type: user}
"""


def test_a_manifest_has_no_rollout_unless_it_says_so(read_text: Read) -> None:
    manifest = read_text(HEAD)
    assert manifest.rollout is None
    assert [declared.group for declared in manifest.keys] == ["pair", ""]


@pytest.mark.parametrize(
    ("text", "rollout"),
    [
        pytest.param(
            "{canary: ['user/c*', user/eval], wave: 20, pause: 2h}",
            Rollout(canaries=("user/c*", "user/eval"), wave=20, pause=timedelta(hours=2)),
            id="every field",
        ),
        pytest.param("{}", Rollout(), id="nothing but the pause between two runs"),
        pytest.param("{canary: 10%}", Rollout(canary_percent=10), id="a share"),
        pytest.param("{pause: 0s}", Rollout(pause=timedelta(0)), id="no pause"),
        pytest.param("{wave: 2.0}", Rollout(wave=2), id="a whole number with a point"),
    ],
)
def test_a_rollout_is_read(read_text: Read, text: str, rollout: Rollout) -> None:
    assert read_text(f"{HEAD}rollout: {text}\n").rollout == rollout


def test_a_default_group_holds_for_every_key(read_text: Read) -> None:
    manifest = read_text(HEAD.replace("sink: local}", "sink: local, group: all}"))
    assert [declared.group for declared in manifest.keys] == ["pair", "all"]


@pytest.mark.parametrize(
    ("text", "problems"),
    [
        pytest.param(
            "{canary: [user/evil, 'user/c*']}",
            ["8:20: no declaration has an address that fits the canary 'user/evil'; did you mean 'user/eval'?"],
            id="a canary that fits nothing",
        ),
        pytest.param(
            "{canary: 0%}",
            ["8:19: field 'canary' must be a list of addresses or globs, or a share from \"1%\" to \"100%\", not '0%'"],
            id="a share of nothing",
        ),
        pytest.param("{wave: 0}", ["8:17: field 'wave' must be at least 1"], id="a wave of nothing"),
        pytest.param(
            "{pause: soon}",
            ["8:18: field 'pause' must be a duration such as 45s, 30m, 12h, 90d or 2w, not 'soon'"],
            id="pause",
        ),
        pytest.param(
            "{pause: 999999w}", ["8:18: field 'pause' must be at most 100 years (36525d)"], id="too long a pause"
        ),
    ],
)
def test_each_mistake_is_told_at_its_place(find_problems: Find, text: str, problems: list[str]) -> None:
    assert list(find_problems(f"{HEAD}rollout: {text}\n")) == problems

"""Further files of a manifest are read with places of their own, and only as the caller hands them in."""

from __future__ import annotations

import pytest
from composed_manifests import HEAD, PLUGINS

from keyplan.documents.schemas import load
from keyplan.errors import ManifestError
from keyplan.manifest import Sources, TextFile, read
from keyplan.manifest.problems import Problems
from keyplan.manifest.sources import iter_texts, read_source


def test_a_text_that_stands_alone_includes_nothing() -> None:
    text = HEAD + "include: [a.yaml]\nenvironment: [TEAM]\nkeys: []\n"
    with pytest.raises(ManifestError) as caught:
        read(text.encode(), file="keys.yaml", schema=load("manifest.v1"), plugins=PLUGINS)
    assert [str(one) for one in caught.value.problems] == ["keys.yaml:6:11: included file 'a.yaml' is not read here"]


def test_without_a_judge_a_listed_variable_is_read() -> None:
    text = HEAD + "environment: [TEAM]\nkeys: [{name: '${env:TEAM}', key_type: user}]\n"
    sources = Sources(environment={"TEAM": "a"})
    found = read(text.encode(), file="keys.yaml", schema=load("manifest.v1"), plugins=PLUGINS, sources=sources)
    assert found.keys[0].address == "user/a"


def test_values_of_a_further_file_know_where_they_stand() -> None:
    problems = Problems("keys.yaml")
    root, start = read_source(TextFile(name="b.yaml", content=b"a: &x [1, t]\nb: *x\n"), problems)
    assert [(text, str(problems.place_of(spot))) for text, spot in iter_texts(root)] == [
        ("t", "b.yaml:1:11"),
        ("t", "b.yaml:1:11"),
    ]
    assert (str(problems.place_of(start)), str(problems.place_of(root.spot))) == ("b.yaml:1:1", "b.yaml:1:1")
    assert problems.describe(root.spot, seen_from=0) == "in b.yaml, line 1, column 1"

"""What makes a definition unusable although it fits its schema, each with its place."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import pytest

from keyplan.errors import ManifestError
from keyplan.model.checked_file import CheckedFile
from keyplan.providers.http.definition_rules import find_problems

Load = Callable[..., CheckedFile]
ROTATE = {"path": "/keys/${id}/rotate", "raw": "/key"}


def find_lines(file: CheckedFile) -> list[str]:
    return [str(problem) for problem in find_problems(file)]


def test_a_whole_definition_has_no_problem(load: Load) -> None:
    assert find_lines(load()) == []
    grace = {"form": "minutes", "longest": 3600}
    assert find_lines(load(refresh={**ROTATE, "body": {"retain": "${grace}"}, "grace": grace})) == []


@pytest.mark.parametrize(
    ("changes", "message"),
    [
        ({"create__body": {"name": "${name}", "x": "${nam}", "note": "${description}"}}, "did you mean ${name}?"),
        ({"create__body": {"name": "${name}", "note": "${description}", "p": "${zone}"}}, "${zone} is unknown"),
        ({"create__body": {"name": "${name}", "note": "about ${description}"}}, "must be the whole value of a field"),
        ({"create__body": {"note": "${description}"}}, "the body sends no ${name}"),
        ({"create__body": {"name": "${name}"}}, "the body sends no ${description}"),
        ({"list__query": {"q": "${name}"}}, "the word ${name} is unknown in 'list'; known here: none"),
        ({"verify__path": "/me/${id}"}, "the word ${id} is unknown in 'verify'"),
        ({"delete__path": "/keys"}, "'delete' says nowhere which key it is about"),
        ({"variables": {"name": {}}}, "'name' is a word of keyplan's own"),
        ({"variables": {"zone": {}}}, "the variable 'zone' is used nowhere"),
        ({"headers": {"Authorization": "x"}}, "is set by keyplan itself"),
        ({"headers": {"cookie": "x"}}, "is set by keyplan itself"),
        ({"fields__name": None}, "do not say where a key's name stands"),
        ({"fields__description": None}, "do not say where it stands"),
        ({"fields__expires": None}, "do not say where an expiry stands"),
        ({"refresh": {**ROTATE, "path": "/rotate"}}, "'refresh' says nowhere which key it is about"),
        ({"refresh": {**ROTATE, "body": {"g": "${grace}"}}}, "${grace} is sent, and 'grace' does not say"),
        ({"refresh": {**ROTATE, "grace": {"longest": 60}}}, "there is a grace, and ${grace} is sent nowhere"),
        ({"laws__unique_names": True}, "unique names need a 'refresh'"),
        ({"list__pages": {"by": "cursor", "parameter": "c"}}, "pages by cursor need 'next'"),
        ({"list__pages": {"by": "last_id", "parameter": "c"}}, "pages by last_id need 'more'"),
        ({"list__pages": {"by": "page", "parameter": "c"}}, "pages by page need 'total'"),
        ({"list__pages": {"by": "offset", "parameter": "c", "next": "/x"}}, "pages by offset have no 'next'"),
        ({"list__pages": {"by": "offset", "parameter": "c", "first": 0}}, "pages by offset have no 'first'"),
    ],
)
def test_one_mistake_is_one_problem_with_its_place(load: Load, changes: dict[str, Any], message: str) -> None:
    (line,) = find_lines(load(**changes))
    assert message in line
    file, row, column, _ = line.split(":", 3)
    assert (file, row.isdigit(), column.isdigit()) == ("acme.yaml", True, True)
    assert row != "1"


def test_a_mistake_in_a_body_is_shown_where_it_stands(load: Load, tmp_path: Any) -> None:
    (line,) = find_lines(load(create__body={"name": "${nam}", "x": "${name}", "note": "${description}"}))
    row = int(line.split(":")[1])
    assert "${nam}" in (tmp_path / "acme.yaml").read_text().splitlines()[row - 1]


@pytest.mark.parametrize(
    ("changes", "message"),
    [
        ({"version": 2}, "must be 1"),
        ({"fields__id": "id"}, "must be a JSON pointer"),
        ({"fields__id": None}, "'id'"),
        ({"list__items": "/a~2"}, "must be a JSON pointer"),
        ({"list__path": "keys"}, "must begin with a slash"),
        ({"list__path": "/keys?x=1"}, "must begin with a slash"),
        ({"authentication": "digest"}, "authentication"),
        ({"marker": "tags"}, "marker"),
        ({"nonsense": 1}, "nonsense"),
        ({"create__raw": "${key}"}, "must be a JSON pointer"),
        ({"headers": {"X-Y": "a\nb"}}, "X-Y"),
        ({"create__statuses": [99]}, "statuses"),
    ],
)
def test_what_does_not_fit_the_schema_is_refused_with_its_place(
    load: Load, changes: dict[str, Any], message: str
) -> None:
    with pytest.raises(ManifestError) as refused:
        load(**changes)
    assert message in str(refused.value)
    assert str(refused.value).startswith("acme.yaml:")
    assert {problem.rule for problem in refused.value.problems} == {"provider/schema"}


def test_a_secret_in_a_definition_is_refused_and_not_quoted(load: Load) -> None:
    secret = "ghp_" + "a1B2" * 9
    with pytest.raises(ManifestError) as refused:
        load(headers={"X-Token": secret})
    assert secret not in str(refused.value)
    assert {problem.rule for problem in refused.value.problems} == {"provider/secret"}

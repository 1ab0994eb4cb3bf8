"""`keyplan fmt` changes how a manifest looks, and nothing else."""

from __future__ import annotations

import re
from typing import Any

import pytest
import yaml
from hypothesis import given, settings
from hypothesis import strategies as st

from keyplan.app.schema import merge_plugin_options
from keyplan.documents import schemas
from keyplan.errors import InputError, ManifestError
from keyplan.manifest.comments import outline
from keyplan.manifest.formatter import choose_same, format_manifest, settle
from keyplan.manifest.long_texts import LayoutError
from keyplan.manifest.problems import Problems
from keyplan.manifest.yaml_parser import parse_yaml

SCHEMA = merge_plugin_options(schemas.load("manifest.v1"))
MODELINE = schemas.modeline()


def fmt(text: str) -> str:
    return format_manifest(text.encode(), file="keys.yaml", schema=SCHEMA, modeline=MODELINE).decode()


def body(text: str) -> str:
    """Return a formatted text without the line for editors."""
    return fmt(text).removeprefix(f"{MODELINE}\n")


def mean(text: str) -> Any:
    problems = Problems("keys.yaml")
    value = parse_yaml(text, problems)
    assert problems.listed() == ()
    return value


def list_comments(text: str) -> list[str]:
    return sorted(comment.text for comment in outline(text).comments if not comment.text.startswith("# yaml-lang"))


def test_fields_come_in_the_order_of_the_schema_with_their_comments() -> None:
    assert body(
        "# what this is\n\nowner: x   # eol\nversion:  1\n\n\n# about keys\nkeys:\n- key_type: user\n  # the name\n"
        "  name: ci # that one\n# below\nsinks: {local: {path: a, type: file}}\n"
    ) == (
        "# what this is\n\nversion: 1\nowner: x   # eol\n# below\nsinks: {local: {type: file, path: a}}\n\n"
        "# about keys\nkeys:\n  # the name\n  - name: ci # that one\n    key_type: user\n"
    )


def test_the_line_for_editors_is_written_once_and_a_copy_of_the_schema_stays_named() -> None:
    assert fmt("version: 1\nowner: x\nkeys: []\n").startswith(f"{MODELINE}\nversion: 1\n")
    offline = "# yaml-language-server: $schema=./manifest.v1.json\nversion: 1\nowner: x\nkeys: []\n"
    assert fmt(offline) == offline


def test_a_file_of_parts_gets_no_line_for_editors() -> None:
    assert fmt("defaults:\n    sink: local\n") == "defaults:\n  sink: local\n"


def test_comments_keep_the_entry_that_they_stood_at() -> None:
    head = "version: 1\nowner: x\nkeys:\n"
    assert body(f"{head}- name: a\n  key_type: user\n  # expires_in: 90d\n\n# - name: b\n#   key_type: user\n") == (
        f"{head}  - name: a\n    key_type: user\n    # expires_in: 90d\n\n  # - name: b\n  #   key_type: user\n"
    )


def test_a_comment_left_of_everything_goes_to_the_left_edge() -> None:
    assert body("# head\n    version: 1\n    owner: x\n  # left\n    keys: []\n") == (
        "# head\nversion: 1\nowner: x\n# left\nkeys: []\n"
    )


def test_commented_out_declarations_stay_at_the_end_of_the_keys() -> None:
    text = "version: 1\nowner: x\nkeys:\n  - name: a\n    key_type: user\n\n  # Not declared: too old\n  # - name: b\n"
    assert body(text) == text


@pytest.mark.parametrize(
    "scalar",
    [
        "on",
        "no",
        "2027-01-01T00:00:00+02:00",
        "12:30",
        "0o17",
        "014",
        '"\\u202e\\x1b"',
        "'it''s'",
        "~",
        "é 日本 🙂",
        "1_000",
    ],
)
def test_a_scalar_keeps_its_spelling(scalar: str) -> None:
    assert f"description: {scalar}\n" in fmt(f"version: 1\nowner: x\nkeys:\n- description:   {scalar}\n")


@pytest.mark.parametrize("name", ["\xa0", "|-\n     \xa0", "a\xa0", "\xa0 # not the name"])
def test_a_no_break_space_is_text(name: str) -> None:
    text = f"version: 1\nowner: x\nkeys:\n- key_type: user\n  name: {name}\n"
    assert mean(fmt(text)) == mean(text)


def test_long_texts_are_not_broken() -> None:
    words = "word " * 60 + "end"
    for text in (words, f'"{words}"', f"'{words}'"):
        assert f"description: {text}\n" in fmt(f"version: 1\nowner: x\nkeys:\n  - description: {text}\n")


def test_block_scalars_keep_every_line() -> None:
    text = (
        "version: 1\nowner: x\nkeys:\n  - name: a\n    description: |+\n      # no comment\n        deeper\n\n\n"
        "    protect: true\n"
    )
    assert body(text) == text
    assert mean(fmt(text))["keys"][0]["description"] == "# no comment\n  deeper\n\n\n"


def test_a_comment_below_a_block_scalar_does_not_become_a_part_of_it() -> None:
    key = "-       name: a\n        description: | # above\n                 text\n             # below\n"
    done = fmt(f"version: 1\nowner: x\nkeys:\n{key}")
    assert mean(done)["keys"][0]["description"] == "text\n"
    assert list_comments(done) == ["# above", "# below"]


def test_an_alias_never_comes_before_its_anchor() -> None:
    text = "version: 1\nowner: x\nkeys: &all\n  - {name: a}\ndefaults: {moved_from: *all}\n"
    assert mean(fmt(text)) == mean(text)
    assert "keys: &all" in fmt(text)


def test_options_of_a_sink_come_in_the_order_of_its_plugin() -> None:
    vault = "  b:\n    field: v\n    path: p\n    type: vault\n    mount: m\n"
    done = fmt(f"version: 1\nowner: x\nsinks:\n{vault}  a: {{type: file, path: q}}\nkeys: []\n")
    assert re.findall(r"^ {2,4}(\w+):", done, re.MULTILINE) == ["b", "type", "mount", "path", "field", "a"]


@pytest.mark.parametrize("line_end", ["\r\n", "\r"])
def test_lines_end_as_in_unix(line_end: str) -> None:
    assert body(line_end.join(["version: 1", "owner: x", "keys: []", "", ""])) == "version: 1\nowner: x\nkeys: []\n"


@pytest.mark.parametrize(
    "text",
    ["owner: [\n", "a: 1\na: 2\n", "- a\n", "a: !!binary x\n", "", "<<: {a: 1}\n"],
    ids=["no YAML", "a field twice", "a list", "a tag", "nothing", "a merge key"],
)
def test_what_cannot_be_read_is_not_written(text: str) -> None:
    with pytest.raises(ManifestError):
        fmt(text)


def test_a_list_between_brackets_with_comments_keeps_its_lines() -> None:
    text = "version: 1\nowner: x\nkeys: [ # one\n      {key_type: user, # two\n       name: a},\n    ]\nmarker:  true\n"
    assert body(text) == (
        "version: 1\nowner: x\nmarker: true\nkeys: [ # one\n    {key_type: user, # two\n     name: a},\n  ]\n"
    )


def test_a_mapping_between_brackets_is_ordered_and_put_on_one_line() -> None:
    rotation = "rotation: {before_expiry: 14d,\n      every:   30d, unknown: 1}"
    assert "rotation: {every: 30d, before_expiry: 14d, unknown: 1}" in fmt(
        f"version: 1\nowner: x\ndefaults: {{{rotation}}}\n"
    )


@pytest.mark.parametrize(
    ("text", "reason"),
    [
        ("version: 1\nowner: KeyplanLongText1End\n", "needs for itself"),
        ("%YAML 1.1\n---\nversion: 1\nowner: x\nkeys: [{name: 012}]\n", "cannot be kept"),
        ("version: 1\nowner: x\nkeys: [ # c\n &a b]\nremoved: *a\n", "cannot keep them"),
    ],
)  # fmt: skip
def test_what_cannot_be_kept_is_a_reason_to_leave_the_file(text: str, reason: str) -> None:
    with pytest.raises(InputError, match=reason) as caught:
        fmt(text)
    assert "it was left as it is" in caught.value.advice


def test_a_layout_that_never_comes_to_rest_is_refused() -> None:
    with pytest.raises(LayoutError, match="does not come to rest"):
        settle("a", lambda text: f"{text}a")
    assert settle("a", lambda text: text[:0]) == ""


def test_a_layout_of_another_meaning_or_without_a_comment_is_refused() -> None:
    text = "a: 1 # one\n"
    assert choose_same(text, ["a: [\n", "a: 2 # one\n", "a: 1\n", "a: 1   # one\n"]) == "a: 1   # one\n"
    with pytest.raises(LayoutError, match="mean something else"):
        choose_same(text, ["a: '1' # one\n"])


def test_items_of_a_list_stand_below_each_other() -> None:
    text = "version: 1\nowner: x\nformerly:\n  # old\n  - on # one\n  - 'b'\n  - [a, b]\nkeys: []\n"
    assert body(text.replace("\n  ", "\n")) == text


TEXTS = st.one_of(
    st.sampled_from(["on", "no", "~", "", "12:30:45", "2027-01-01T00:00:00Z", "1e3", ".nan", "- a", "a: b", "#x"]),
    st.text(st.characters(exclude_categories=["C", "Zl", "Zp"]), max_size=30),
    st.text("ab #\n:-\"'{}", max_size=40),
    st.builds(lambda word, times: f"{word} " * times, st.sampled_from(["long", "é", '"q"']), st.integers(20, 60)),
)  # fmt: skip


def write_text(text: str, style: str | None) -> str:
    """Return a text as YAML in one of the styles that can hold it, without its final line break."""
    dumped: str = yaml.safe_dump(text, default_style=style, allow_unicode=True, width=100_000)
    return dumped.removesuffix("\n").removesuffix("\n...")


@st.composite
def scalars(draw: st.DrawFn, indent: int) -> str:
    style = draw(st.sampled_from([None, '"', "'", "|", ">", "spelt"]))
    if style == "spelt":
        return draw(
            st.sampled_from(
                ["on", "no", "~", "", "12", "0o17", "yes", "2027-01-01T00:00:00+02:00", "!!str 12", "! x", ".inf"]
            )
        )
    written = write_text(draw(TEXTS), style)
    return (
        written.replace("\n", "\n" + " " * indent)
        if style in ("|", ">")
        else written.replace("\n", "\n" + " " * (indent + 1))
    )


@st.composite
def comments(draw: st.DrawFn, *columns: int) -> str:
    """Return no, one or more lines of comments and blank lines, at these columns."""
    lines = draw(st.lists(st.sampled_from(["", "# one", "#two: x", "# - name: old", "#"]), max_size=2))
    return "".join(f"{' ' * draw(st.sampled_from(columns)) if line else ''}{line}\n" for line in lines)


@st.composite
def fields(draw: st.DrawFn, names: list[str], column: int, step: int) -> str:
    written = ""
    for name in draw(st.permutations(names)):
        eol = ""
        value = draw(scalars(column + step))
        if "\n" not in value and value and value[0] not in "|>" and draw(st.booleans()):
            eol = draw(st.sampled_from([" # eol", "   # eol # twice"]))
        written += f"{draw(comments(column))}{' ' * column}{name}:{' ' if value else ''}{value}{eol}\n"
    return written


@st.composite
def manifests(draw: st.DrawFn) -> str:
    """Return a manifest with odd indentation, comments, anchors, block scalars and texts of every kind."""
    step = draw(st.integers(1, 6))
    parts = ["version: 1\n", "owner: x # the owner\n"]
    sinks = draw(fields(draw(st.sampled_from([["type", "path"], ["path", "format", "type", "other"]])), 2 * step, step))
    parts.append(f"{draw(comments(0))}sinks:\n{' ' * step}local:\n{sinks}{draw(comments(step, 0))}")
    parts.append(
        draw(
            st.sampled_from(
                ["provider: {credential: {env: X}, type: arize}\n", "limits: {deletes: 1, # few\n  replaces: 2}\n", ""]
            )
        )
    )
    dash = draw(st.sampled_from([0, step]))
    keys = f"{draw(comments(0))}keys:\n"
    for number in range(draw(st.integers(1, 3))):
        inner = dash + 1 + draw(st.integers(1, 4))
        own = draw(
            fields(
                draw(
                    st.sampled_from(
                        [["name"], ["key_type", "name", "description"], ["sink", "expires_in", "roles", "name"]]
                    )
                ),
                inner,
                step,
            )
        )
        first = own.lstrip("\n")
        if first.startswith(" " * inner) and not first.lstrip().startswith("#"):
            own = f"{' ' * dash}-{' ' * (inner - dash - 1)}{first[inner:]}"
        else:
            own = f"{' ' * dash}-\n{own}"
        anchor = f"{' ' * inner}moved_from: {'&a' if number == 0 else '*a'}{' [x, on]' if number == 0 else ''}\n"
        keys += draw(comments(dash)) + own + draw(st.sampled_from(["", anchor if number == 0 or "&a" in keys else ""]))
    parts.append(keys)
    return draw(comments(0)) + "".join(draw(st.permutations(parts))) + draw(comments(0))


@settings(max_examples=100, deadline=None)
@given(manifests())
def test_any_manifest_keeps_its_meaning_and_its_comments_and_the_second_time_nothing_changes(text: str) -> None:
    done = fmt(text)
    assert sort(mean(done)) == sort(mean(text))
    assert list_comments(done) == list_comments(text)
    assert fmt(done) == done


def sort(value: Any) -> str:
    if isinstance(value, dict):
        return "{" + ", ".join(f"{name!r}: {sort(value[name])}" for name in sorted(value)) + "}"
    return f"[{', '.join(map(sort, value))}]" if isinstance(value, list) else repr(value)


def test_the_fields_of_each_of_several_providers_are_in_order() -> None:
    assert "providers: {a: {type: arize, region: x}}" in fmt(
        "version: 1\nowner: x\nproviders: {a: {region: x, type: arize}}\nkeys: []\n"
    )

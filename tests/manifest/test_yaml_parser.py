"""YAML text becomes plain values of YAML 1.2 that know where they stand."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import pytest
import yaml

from keyplan.errors import ManifestError
from keyplan.manifest import yaml_parser
from keyplan.manifest.problems import Problems
from keyplan.manifest.tables import ItemList, Table
from keyplan.manifest.yaml_parser import EventParser, parse_yaml

Parser = Callable[[str], EventParser]


@pytest.fixture(params=[yaml_parser.PARSER, yaml.SafeLoader], ids=["C parser", "Python parser"])
def parser(request: pytest.FixtureRequest) -> Parser:
    """Each parser of PyYAML."""
    chosen: Parser = request.param
    return chosen


def read_value(text: str, parser: Parser) -> Any:
    problems = Problems("f")
    value = parse_yaml(text, problems, parser=parser)
    problems.raise_if_any()
    return value


def find(text: str, parser: Parser) -> list[str]:
    with pytest.raises(ManifestError) as caught:
        read_value(text, parser)
    return [str(problem).removeprefix("f:") for problem in caught.value.problems]


@pytest.mark.parametrize(
    ("text", "value"),
    [
        pytest.param("on", "on", id="on is a truth value in YAML 1.1 only"),
        pytest.param("yes", "yes", id="so is yes"),
        pytest.param("NO", "NO", id="and Norway"),
        pytest.param("true", True, id="true"),
        pytest.param("False", False, id="capitalised"),
        pytest.param("TRUE", True, id="upper case"),
        pytest.param("tRUE", "tRUE", id="mixed case is text"),
        pytest.param("null", None, id="null"),
        pytest.param("~", None, id="tilde"),
        pytest.param("", None, id="nothing"),
        pytest.param("014", 14, id="a leading zero makes no octal"),
        pytest.param("0o14", 12, id="octal"),
        pytest.param("0x1F", 31, id="hexadecimal"),
        pytest.param("-12", -12, id="negative"),
        pytest.param("+12", 12, id="with a plus"),
        pytest.param("1_000", "1_000", id="underscores make text"),
        pytest.param("12:30", "12:30", id="no sexagesimals"),
        pytest.param("1.5", 1.5, id="float"),
        pytest.param(".5", 0.5, id="float that begins with a dot"),
        pytest.param("1e3", 1000.0, id="float with an exponent"),
        pytest.param("-.inf", float("-inf"), id="infinity"),
        pytest.param("2027-01-01", "2027-01-01", id="a date stays text"),
        pytest.param("2027-01-01T00:00:00Z", "2027-01-01T00:00:00Z", id="a time stays text"),
        pytest.param("9" * 5000, "9" * 5000, id="more digits than Python converts"),
        pytest.param("'12'", "12", id="quoted is text"),
        pytest.param("! 12", "12", id="the non-specific tag makes text"),
        pytest.param("!!str 12", "12", id="tagged as text"),
        pytest.param("!!int '12'", 12, id="tagged as integer"),
        pytest.param("!!float 3", 3.0, id="tagged as float"),
        pytest.param("!!bool 'true'", True, id="tagged as truth value"),
        pytest.param("!!null ''", None, id="tagged as null"),
        pytest.param("!!map {a: 1}", {"a": 1}, id="tagged as mapping"),
        pytest.param("!!seq [1]", [1], id="tagged as sequence"),
        pytest.param("=", "=", id="no value type of YAML 1.1"),
    ],
)
def test_a_scalar_means_what_the_core_schema_says(text: str, value: Any, parser: Parser) -> None:
    read = read_value(f"- {text}", parser)[0]
    assert (read, type(read)) == (value, type(value) if not isinstance(value, dict | list) else type(read))


def test_not_a_number_is_read(parser: Parser) -> None:
    assert repr(read_value("- .nan", parser)) == "[nan]"


def test_every_value_knows_its_place(parser: Parser) -> None:
    problems = Problems("f")
    root = parse_yaml("a: 1\nb:\n  - x\n  - {c: 2}\n", problems, parser=parser)
    assert isinstance(root["b"], ItemList)
    assert isinstance(root["b"][1], Table)
    spots = [root.key_spot("b"), root.value_spot("a"), root["b"].value_spot(0), root["b"][1].value_spot("c")]
    assert [str(problems.place_of(spot)) for spot in spots] == ["f:2:1", "f:1:4", "f:3:5", "f:4:9"]


def test_an_alias_stands_for_its_anchor_at_its_own_place(parser: Parser) -> None:
    problems = Problems("f")
    root = parse_yaml("a: &x {c: 1}\nb: *x\n&k d: &y z\ne: *y\n*k : 1", problems, parser=parser)
    assert root == {"a": {"c": 1}, "b": {"c": 1}, "d": "z", "e": "z"} or root["b"] is root["a"]
    assert str(problems.place_of(root.value_spot("b"))) == "f:2:4"


def test_a_copy_without_some_fields_keeps_the_places_of_the_others(parser: Parser) -> None:
    root = read_value("a: 1\nb: 2\nc: 3", parser)
    copy = root.without("a", "c")
    assert (copy, copy.value_spot("b"), copy.key_spot("b")) == ({"b": 2}, root.value_spot("b"), root.key_spot("b"))


@pytest.mark.parametrize("text", ["", "# only a comment", "---\n"], ids=["nothing", "comment", "empty document"])
def test_nothing_is_none(text: str, parser: Parser) -> None:
    assert read_value(text, parser) is None


def test_a_document_may_have_its_marks(parser: Parser) -> None:
    assert read_value("%YAML 1.2\n---\na: 1\n...\n", parser) == {"a": 1}


@pytest.mark.parametrize(
    ("text", "problem"),
    [
        pytest.param("a: 1\na: 2", "2:1: field 'a' is given twice; first in line 1, column 1", id="duplicate field"),
        pytest.param(
            "a: &x {b: 1}\nc:\n  <<: *x",
            "3:3: merge keys ('<<') are not supported; use 'defaults', or repeat the fields",
            id="merge key",
        ),
        pytest.param("1: a", "1:1: a field's name must be text; put it between quotation marks", id="number as name"),
        pytest.param("[a]: b", "1:1: a field's name must be text; put it between quotation marks", id="list as name"),
        pytest.param("a: !x b", "1:4: tag '!x' is not supported; only the core tags of YAML 1.2 are", id="local tag"),
        pytest.param(
            "a: !!timestamp b",
            "1:4: tag '!!timestamp' is not supported; only the core tags of YAML 1.2 are",
            id="tag of YAML 1.1",
        ),
        pytest.param(
            "a: !!python/object:os.system {}",
            "1:4: tag '!!python/object:os.system' is not supported; only the core tags of YAML 1.2 are",
            id="tag of a Python object",
        ),
        pytest.param("a: !!seq {}", "1:4: tag '!!seq' is not supported; only the core tags of YAML 1.2 are", id="seq"),
        pytest.param("a: !!int x", "1:4: 'x' is not a value of the tag !!int", id="text tagged as integer"),
        pytest.param("a: !!int 1.5", "1:4: '1.5' is not a value of the tag !!int", id="float tagged as integer"),
        pytest.param("a: !!bool 1", "1:4: '1' is not a value of the tag !!bool", id="integer tagged as truth value"),
        pytest.param('a: "\\0"', "1:4: text holds an escape for NUL or for half a character", id="escaped NUL"),
        pytest.param("a: *x", "1:4: alias '*x' names an anchor that is not set above it", id="unknown alias"),
        pytest.param("a: &x [*x]", "1:8: alias '*x' stands inside the value that it names", id="cycle"),
        pytest.param("a: 1\n---\nb: 2", "2:1: a manifest is one YAML document; a second one begins here", id="two"),
        pytest.param("[" * 300, "1:101: values are nested more than 100 deep", id="deep nesting"),
        pytest.param("a:\n\tb: 1", "2:1: this is not valid YAML: a tab is used for indentation; use spaces", id="tab"),
        pytest.param(
            "a: b: c",
            "1:5: this is not valid YAML: ':' is not expected here; "
            "check the indentation, or quote the text that holds it",
            id="colon in text",
        ),
        pytest.param(
            "a: - b",
            "1:4: this is not valid YAML: '-' is not expected here; begin the list in a line of its own",
            id="list in the line of its field",
        ),
        pytest.param(
            "a: 'x", "1:4: this is not valid YAML: the quotation mark that opens here is not closed", id="open quote"
        ),
        pytest.param(
            "a: [1",
            "1:4: this is not valid YAML: the bracket that opens here is not closed, or a comma is missing in it",
            id="open bracket",
        ),
        pytest.param(
            "a: @x",
            "1:4: this is not valid YAML: no text can begin with '@'; put it between quotation marks",
            id="reserved sign",
        ),
        pytest.param(
            "a: b\n- c",
            "2:1: this is not valid YAML: this does not fit what stands above; check indentation and quotation marks",
            id="list below a field",
        ),
        pytest.param(
            "a: 1\n...\nb: 2",
            "3:1: this is not valid YAML: a manifest is one document, and it has ended above",
            id="text behind the end",
        ),
        pytest.param(
            "]",
            "1:1: this is not valid YAML: a value is missing, or this is not expected here",
            id="closing bracket",
        ),
    ],
)
def test_a_mistake_gets_one_line(text: str, problem: str, parser: Parser) -> None:
    assert find(text, parser) == [problem]


def test_mistakes_that_leave_something_to_read_come_together(parser: Parser) -> None:
    assert len(find("a: !x 1\na: 2\n<<: {}\n2: x\nb: !!int y", parser)) == 5


@pytest.mark.parametrize("escape", [r"\q", r"\ud800", r"\UFFFFFFFF"], ids=["unknown", "surrogate", "beyond Unicode"])
def test_a_bad_escape_gets_one_line(escape: str, parser: Parser) -> None:
    assert len(find(f'a: "{escape}"', parser)) == 1


def test_what_has_no_words_of_ours_is_told_in_those_of_the_parser(parser: Parser) -> None:
    assert "found incompatible YAML document" in find("%YAML 3.0\n---\na: 1", parser)[0]


def test_an_error_without_a_place_is_told_at_the_start() -> None:
    class Broken:
        def __init__(self, text: str) -> None:
            self.text = text

        def get_event(self) -> None:
            raise yaml.YAMLError("odd\nsecond line")

    assert find("a", Broken) == ["1:1: this is not valid YAML: odd"]


def test_an_alias_bomb_is_refused(parser: Parser) -> None:
    levels = "".join(f"a{n}: &a{n} [{','.join([f'*a{n - 1}'] * 10)}]\n" for n in range(1, 9))
    assert find(f"a0: &a0 [{','.join('x' * 10)}]\n{levels}", parser) == [
        "6:38: aliases stand for more than 1,000,000 values"
    ]


def test_aliases_do_not_nest_deeper_than_text_may(parser: Parser) -> None:
    levels = "".join(f"a{n}: &a{n} [[[[[*a{n - 1}]]]]]\n" for n in range(1, 30))
    assert find(f"a0: &a0 x\n{levels}", parser) == ["21:16: values are nested more than 100 deep"]


def test_a_branch_is_deep_when_a_branch_in_it_is(parser: Parser) -> None:
    shallow_last = "a: &a [" + "[" * 90 + "]" * 90 + ", 1]\nb: [[[[[[[[[*a]]]]]]]]]"
    assert find(shallow_last, parser) == ["2:13: values are nested more than 100 deep"]


def test_aliases_may_share_values_below_the_limits(parser: Parser) -> None:
    root = read_value("a: &a [1, 2]\nb: [*a, *a]", parser)
    assert root["b"] == [[1, 2], [1, 2]]

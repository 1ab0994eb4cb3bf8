"""Variables stand in texts of declarations and in places of sinks, and nowhere that says what is contacted or run."""

from __future__ import annotations

import pytest
from composed_manifests import HEAD, Texts

from keyplan.manifest import interpolation
from keyplan.model.identity import SinkName

VARS = "vars: {x: value}\n"
KEY = "keys: [{name: ci, key_type: user}]\n"


def use(sink: str) -> Texts:
    return Texts(
        f"version: 1\nowner: ml\nid: k7f3a9c2\nsinks: {{local: {{{sink}}}}}\ndefaults: {{sink: local}}\n{VARS}{KEY}"
    )


@pytest.mark.parametrize(
    "option",
    ["path: 'a/${var.x}'", "path: p, mount: '${var.x}'", "path: p, labels: {a: ['${var.x}']}", "format: '${var.x}'"],
)
def test_a_place_may_hold_a_variable(option: str) -> None:
    texts = use(f"type: file, {option}")
    if "format" in option:
        texts.variables = {"x": "raw"}
    assert "value" in str(texts.read().sinks[SinkName("local")].options) or "raw" in str(texts.read().sinks)


@pytest.mark.parametrize(
    "option",
    [
        "url: 'https://${var.x}'",
        "ca_file: '${var.x}'",
        "kubeconfig: '${var.x}'",
        "token: {env: '${var.x}'}",
        "auth: {role: '${var.x}'}",
        "silent: '${var.x}'",
        "unknown: '${var.x}'",
        "labels: {'${var.x}': a}",
        "kubeconfig: '${env:X}'",
    ],
)
@pytest.mark.parametrize("is_delivery", [False, True], ids=["sink", "delivery"])
def test_what_is_contacted_read_or_presented_holds_none(option: str, is_delivery: bool) -> None:
    texts = use(f"type: file, path: p, {option}")
    if is_delivery:
        texts = use("type: file, path: p")
        texts.manifest = texts.manifest.replace(
            KEY, f"keys: [{{name: ci, key_type: user, sink: [{{name: local, {option}}}]}}]\n"
        )
    (problem,) = texts.problems()
    if "labels" in option:
        assert problem.endswith("the name of a field cannot hold a variable")
    else:
        name = option.partition(":")[0]
        assert f"option '{name}' of a sink of type 'file' cannot hold a variable; write it as it is" in problem


@pytest.mark.parametrize(
    "field",
    [
        "provider: {region: '${var.x}'}",
        "provider: {credential: {command: ['${var.x}']}}",
        "ledger: {path: '${var.x}'}",
        "policy: {names: '${var.x}'}",
        "formerly: ['${var.x}']",
        "unmanaged: '${var.x}'",
        "sinks: {s: {type: '${var.x}'}}",
        "sinks: {s: ['${var.x}']}",
    ],
)
def test_other_fields_hold_none(field: str) -> None:
    head = "version: 1\nowner: ml\nid: k7f3a9c2\n"
    (problem,) = Texts(f"{head}{VARS}{field}\nkeys: []\n").problems()
    assert problem.endswith("cannot hold a variable; write it as it is, or in an overlay")


def test_what_holds_none_is_left_as_it_is() -> None:
    head = "version: 1\nowner: ml\nid: k7f3a9c2\n"
    texts = Texts(f"{head}{VARS}provider: {{credential: {{command: [sh, -c, 'echo ${{X}} $${{var.x}}']}}}}\n{KEY}")
    texts.manifest = texts.manifest.replace("user}", "user, sink: s}") + "sinks: {s: {type: file, path: p}}\n"
    assert texts.read().provider.credential.argv == ("sh", "-c", "echo ${X} $${var.x}")  # type: ignore[union-attr]  # it is a command


def test_owners_and_waivers_may_hold_a_variable() -> None:
    texts = Texts(
        "version: 1\nowner: ${var.x}\nvars: {x: value}\nremoved: [{address: 'user/${var.x}', to: other}]\n"
        "waivers: [{address: 'user/${var.x}', owner: a, reason: r, until: 2027-01-31}]\nkeys: []\n"
    )
    manifest = texts.read()
    assert (manifest.owner, manifest.removed[0].address, manifest.waivers[0].subject) == (
        "value",
        "user/value",
        "user/value",
    )


def test_a_delivery_may_choose_its_sink_by_a_variable() -> None:
    keys = """\
keys:
  - {name: a, key_type: user, sink: '${var.s}'}
  - {name: b, key_type: user, sink: [{name: '${var.s}', path: 'x/${var.s}'}, second]}
  - {name: c, key_type: user, sink: {sink: '${var.s}', path: z}}
"""
    texts = Texts(HEAD.replace("sinks: {", "sinks: {second: {type: file, path: x}, ") + "vars: {s: local}\n" + keys)
    assert [[one.sink for one in declared.deliveries] for declared in texts.read().keys] == [
        ["local"],
        ["local", "second"],
        ["local"],
    ]
    texts.variables = {"s": "none"}
    assert all("sink 'none' is unknown" in problem for problem in texts.problems())


def test_a_sink_of_an_unknown_type_opens_nothing() -> None:
    (problem,) = use("type: odd, path: '${var.x}'").problems()
    assert "option 'path' of a sink of type 'odd' cannot hold a variable" in problem


def test_sinks_and_defaults_without_a_usable_form_are_told_by_the_schema() -> None:
    texts = Texts(f"version: 1\nowner: ml\n{VARS}sinks: [3]\ndefaults: 3\nkeys: [3, {{name: a, sink: {{x: 1}}}}]\n")
    assert [problem.split(": ")[1] for problem in texts.problems()][:2] == [
        "field 'sinks' must be a mapping, not a list",
        "field 'defaults' must be a mapping, not a number",
    ]


def test_values_that_are_no_text_are_left_as_they_are() -> None:
    texts = Texts(f"{HEAD}{VARS}keys: [{{name: n, key_type: user, protect: true, rotation: {{generation: 2}}}}]\n")
    assert (texts.read().keys[0].protect, texts.read().keys[0].rotation.generation) == (True, 2)


# Without bounds.


def test_so_many_elements_that_no_one_wants_them_are_refused(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(interpolation, "MOST_VALUES", 1000)
    elements = ", ".join(f"e{number}" for number in range(400))
    texts = Texts(f"{HEAD}keys:\n  - {{for_each: [{elements}], name: '${{each}}', key_type: user}}\n")
    assert texts.problems()[-1].endswith("'for_each' and variables make more than 1,000 values")


def test_a_value_that_is_repeated_without_end_is_refused(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(interpolation, "MOST_CHARACTERS", 5000)
    texts = Texts(
        f"{HEAD}vars: {{x: {'y' * 1000}}}\nkeys: [{{name: n, key_type: user, description: '{'${var.x}' * 9}'}}]\n"
    )
    assert texts.problems()[-1].endswith("'for_each' and variables make more than 5,000 characters")


def test_aliases_and_elements_do_not_multiply() -> None:
    bomb = "waivers: &a [x, x, x, x, x, x, x, x, x, x]\n"
    for level in "bcde":
        bomb += f"x{level}: &{level} [{', '.join([f'*{chr(ord(level) - 1)}'] * 10)}]\n"
    elements = ", ".join(f"e{number}" for number in range(30))
    keys = f"keys:\n  - {{for_each: [{elements}], name: '${{each}}', key_type: user, roles: *e}}\n"
    assert Texts(HEAD + bomb + keys).problems()[-1].endswith("'for_each' and variables make more than 1,000,000 values")

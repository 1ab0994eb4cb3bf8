"""What a manifest says is what is read, and each mistake in it is one line at its place."""

from __future__ import annotations

from collections.abc import Callable
from datetime import timedelta

import pytest

from keyplan.errors import ManifestError
from keyplan.model.identity import SinkName, UserId
from keyplan.model.manifest import (
    FromCommand,
    FromEnvironment,
    FromFile,
    LedgerSettings,
    Limits,
    Manifest,
    OnRemove,
    ProviderSettings,
    Unmanaged,
)
from keyplan.model.place import Place

AT_TOP = (
    "; known fields: "
    "defaults, environment, formerly, id, include, keys, ledger, limits, marker, owner, policy, "
    "provider, providers, removed, rollout, sinks, unmanaged, vars, version, waivers"
)

IN_DEFAULTS = (
    "; known fields: "
    "adopt, description, expires_at, expires_in, group, import, key_type, moved_from, "
    "on_description_change, on_remove, organizations, protect, provider, retire_adopted, roles, rotation, "
    "self, service_account, sink, space, space_id"
)

Read = Callable[[str], Manifest]
Find = Callable[[str | bytes], tuple[str, ...]]

SMALLEST = "version: 1\nowner: ml\nkeys: []\n"


def test_the_smallest_manifest_has_ordinary_settings(read_text: Read) -> None:
    manifest = read_text(SMALLEST)
    assert (manifest.path, manifest.owner, manifest.marker, manifest.keys) == ("keys.yaml", "ml", True, ())
    assert (manifest.provider, manifest.sinks, manifest.limits) == (ProviderSettings(), {}, Limits())
    assert manifest.ledger == LedgerSettings()
    assert (manifest.unmanaged, manifest.on_remove) == (Unmanaged.REPORT, OnRemove.DELETE)


def test_every_setting_is_read(read_text: Read) -> None:
    manifest = read_text(
        "version: 1\nowner: a.b_c-9\nmarker: false\nlimits: {deletes: 0, delete_percent: 100.0, "
        "replaces: 1, replace_percent: 0}\n"
        "unmanaged: fail\ndefaults: {on_remove: forget}\nkeys: []\n"
    )
    assert (manifest.owner, manifest.marker, manifest.unmanaged) == ("a.b_c-9", False, Unmanaged.FAIL)
    assert manifest.limits == Limits(deletes=0, delete_percent=100, replaces=1, replace_percent=0)
    assert manifest.on_remove is OnRemove.FORGET


@pytest.mark.parametrize(
    ("text", "settings"),
    [
        pytest.param("{}", LedgerSettings(type="sqlite"), id="nothing given"),
        pytest.param("{path: x.db}", LedgerSettings(options={"path": "x.db"}), id="its file"),
        pytest.param("{type: sqlite, path: x.db}", LedgerSettings(options={"path": "x.db"}), id="type and file"),
        pytest.param("{lease: 5m}", LedgerSettings(lease=timedelta(minutes=5)), id="how long the lock is held"),
        pytest.param("{lease: 5s}", LedgerSettings(lease=timedelta(seconds=5)), id="the shortest lease"),
    ],
)
def test_the_ledger_is_read(text: str, settings: LedgerSettings, read_text: Read) -> None:
    assert read_text(f"{SMALLEST}ledger: {text}").ledger == settings


@pytest.mark.parametrize(
    ("lease", "message"),
    [
        pytest.param("4s", "field 'lease' must be at least 5s", id="too short"),
        pytest.param(
            "soon", "field 'lease' must be a duration such as 45s, 30m, 12h, 90d or 2w, not 'soon'", id="no duration"
        ),
        pytest.param("6000w", "field 'lease' must be at most 100 years (36525d)", id="too long"),
    ],
)
def test_a_lease_that_can_t_be_used_is_told_at_its_place(lease: str, message: str, read_text: Read) -> None:
    with pytest.raises(ManifestError) as caught:
        read_text(f"{SMALLEST}ledger: {{lease: {lease}}}")
    (problem,) = caught.value.problems
    assert (problem.message, problem.column) == (message, 17)


@pytest.mark.parametrize(
    ("text", "settings"),
    [
        pytest.param("{}", ProviderSettings(), id="nothing given"),
        pytest.param(
            "{type: arize, region: eu-west-1a, api: beta}",
            ProviderSettings(options={"region": "eu-west-1a", "api": "beta"}),
            id="own options",
        ),
        pytest.param(
            "{credential: {env: OTHER}}", ProviderSettings(credential=FromEnvironment("OTHER")), id="environment"
        ),
        pytest.param(
            "{reader_credential: {env: READER}}",
            ProviderSettings(reader_credential=FromEnvironment("READER")),
            id="another for reading",
        ),
        pytest.param("{credential: {file: a/b}}", ProviderSettings(credential=FromFile("a/b")), id="file"),
        pytest.param(
            "{creators: [VXNlcjoy, VXNlcjox, VXNlcjoy]}",
            ProviderSettings(creators=(UserId("VXNlcjox"), UserId("VXNlcjoy"))),
            id="creators, sorted, which are no option of the provider",
        ),
        pytest.param(
            "{max_lifetime: 365d}", ProviderSettings(max_lifetime=timedelta(days=365)), id="the longest life of a key"
        ),
        pytest.param(
            "{credential: {command: [pass, show, x]}}",
            ProviderSettings(credential=FromCommand(("pass", "show", "x"))),
            id="command",
        ),
    ],
)
def test_the_provider_is_read(text: str, settings: ProviderSettings, read_text: Read) -> None:
    assert read_text(f"{SMALLEST}provider: {text}").provider == settings


def test_sinks_are_read_with_their_own_options(read_text: Read) -> None:
    sinks = read_text(f"{SMALLEST}sinks:\n  v: {{type: vault, tags: [a, b], token: {{env: T}}}}").sinks
    sink = sinks[SinkName("v")]
    assert (sink.type, sink.options) == ("vault", {"tags": ["a", "b"], "token": {"env": "T"}})
    assert (type(sink.options["tags"]), type(sink.options["token"])) == (list, dict)
    assert sink.place == Place("keys.yaml", 5, 3)


def test_a_byte_order_mark_is_no_part_of_the_text(find_problems: Find) -> None:
    assert find_problems(b"\xef\xbb\xbf" + SMALLEST.encode()) == ()


@pytest.mark.parametrize(
    ("data", "problem"),
    [
        pytest.param(b"", "1:1: the file is empty", id="empty"),
        pytest.param(b" \n\n", "1:1: the file is empty", id="blank"),
        pytest.param(b"# nothing\n", "1:1: the file is empty", id="only a comment"),
        pytest.param(b"--- ~\n", "1:1: the file is empty", id="null"),
        pytest.param(b"a: 1\nb: \xff\n", "2:4: this is not UTF-8 text", id="not UTF-8"),
        pytest.param(b"\xef\xbb\xbfb: \xff\n", "1:4: this is not UTF-8 text", id="not UTF-8 behind a mark"),
        pytest.param("a: 1".encode("utf-16"), "1:1: this is UTF-16 or UTF-32 text; save it as UTF-8", id="UTF-16"),
        pytest.param(
            b"\x7fELF\0\0",
            "1:1: the character \\x7f is not allowed here; write it as an escape in double quotes",
            id="delete character",
        ),
        pytest.param(b"a\r\nb\0", "2:2: this is a binary file: it holds a NUL byte", id="binary"),
        pytest.param(
            b"a: \x1b[31m",
            "1:4: the character \\x1b is not allowed here; write it as an escape in double quotes",
            id="terminal escape",
        ),
        pytest.param(
            "a: x\u2028y".encode(),
            "1:5: the character \\u2028 is not allowed here; write it as an escape in double quotes",
            id="line separator, which YAML 1.1 took for a line break",
        ),
        pytest.param(b"[]", "1:1: a manifest must be a mapping, not a list", id="list"),
        pytest.param(b"keys", "1:1: a manifest must be a mapping, not text", id="text"),
    ],
)
def test_what_is_no_manifest_at_all_gets_one_line(data: bytes, problem: str, find_problems: Find) -> None:
    assert find_problems(data) == (problem,)


@pytest.mark.parametrize(
    ("line", "problem"),
    [
        pytest.param("unmanagd: fail", "4:1: field 'unmanagd' is unknown; did you mean 'unmanaged'?", id="slip"),
        pytest.param("deletes: 3", "4:1: field 'deletes' is unknown; it belongs under 'limits'", id="wrong level"),
        pytest.param("zzz: 3", f"4:1: field 'zzz' is unknown{AT_TOP}", id="nothing near"),
        pytest.param(
            "unmanaged: IGNORE",
            "4:12: field 'unmanaged' must be one of 'fail', 'ignore', 'report', not 'IGNORE'; did you mean 'ignore'?",
            id="upper case",
        ),
        pytest.param(
            "unmanaged: 3",
            "4:12: field 'unmanaged' must be one of 'fail', 'ignore', 'report', not a number",
            id="number for a word",
        ),
        pytest.param(
            "unmanaged:",
            "4:11: field 'unmanaged' must be one of 'fail', 'ignore', 'report', not empty",
            id="nothing for a word",
        ),
        pytest.param("marker: yes", "4:9: field 'marker' must be true or false, not the text 'yes'", id="YAML 1.1 yes"),
        pytest.param("marker: 1", "4:9: field 'marker' must be true or false, not a number", id="number for a switch"),
        pytest.param("limits: 5", "4:9: field 'limits' must be a mapping, not a number", id="number for a mapping"),
        pytest.param("limits: {deletes: many}", "4:19: field 'deletes' must be a whole number, not text", id="text"),
        pytest.param(
            "limits: {deletes: true}",
            "4:19: field 'deletes' must be a whole number, not true or false",
            id="switch for a number",
        ),
        pytest.param("limits: {deletes: -1}", "4:19: field 'deletes' must be at least 0", id="too small"),
        pytest.param("limits: {delete_percent: 101}", "4:26: field 'delete_percent' must be at most 100", id="big"),
        pytest.param("limits: {replaces: -1}", "4:20: field 'replaces' must be at least 0", id="too few replaces"),
        pytest.param("limits: {replace_percent: 101}", "4:27: field 'replace_percent' must be at most 100", id="101 %"),
        pytest.param("replaces: 3", "4:1: field 'replaces' is unknown; it belongs under 'limits'", id="level"),
        pytest.param("creators: [x]", "4:1: field 'creators' is unknown; it belongs under 'provider'", id="creators"),
        pytest.param("sinks: [a]", "4:8: field 'sinks' must be a mapping, not a list", id="list of sinks"),
        pytest.param("sinks: {a: {path: x}}", "4:12: field 'type' is missing", id="sink without a type"),
        pytest.param("sinks: {a: file}", "4:12: field 'a' must be a mapping, not text", id="sink as a word"),
        pytest.param("sinks: {a: {type: 7}}", "4:19: field 'type' must be text, not a number", id="type as a number"),
        pytest.param(
            "sinks: {'a b': {type: vault}}",
            "4:9: field 'a b' has a bad name: it must be 1 to 63 letters, digits, dots, hyphens or underscores",
            id="name of a sink",
        ),
        pytest.param(
            "sinks: {a: {type: fil}}",
            "4:19: sink type 'fil' is unknown; known are: file, vault",
            id="unknown type of sink",
        ),
        pytest.param(
            "sinks: {a: {type: aws}}",
            "4:19: 'aws' needs a package that is not installed: boto3; pip install 'keyplan[aws]'",
            id="missing extra",
        ),
        pytest.param("sinks: {a: {type: file}}", "4:12: field 'path' is missing", id="missing option"),
        pytest.param("sinks: {a: {type: file, path: ''}}", "4:31: field 'path' must not be empty", id="empty option"),
        pytest.param(
            "sinks: {a: {type: file, pth: x}}",
            "4:25: field 'pth' is unknown; did you mean 'path'?",
            id="misspelt option, told once",
        ),
        pytest.param(
            "sinks: {a: {type: vault, x: y}}",
            "4:26: field 'x' is unknown; known fields: mount, name, tags, token",
            id="options left open by a plugin",
        ),
        pytest.param(
            "sinks: {a: {type: vault, tags: [1]}}",
            "4:33: an item of 'tags' must be text, not a number",
            id="item of an option",
        ),
        pytest.param(
            "provider: {type: ariz}", "4:18: provider type 'ariz' is unknown; known are: arize", id="provider"
        ),
        pytest.param(
            'provider: {type: "a\\e[0m"}',
            r"4:18: provider type 'a\x1b[0m' is unknown; known are: arize",
            id="terminal escape in a plugin's message",
        ),
        pytest.param("provider: {type: 7, x: y}", "4:18: field 'type' must be text, not a number", id="number"),
        pytest.param("provider: arize", "4:11: field 'provider' must be a mapping, not text", id="provider as a word"),
        pytest.param("provider: {regin: x}", "4:12: field 'regin' is unknown; did you mean 'region'?", id="its option"),
        pytest.param(
            "provider: {credential: x}",
            "4:24: field 'credential' must be {env: NAME}, {file: PATH}, {command: [PROGRAM, ...]} or "
            "{username: NAME, password: {env: NAME}}; a manifest never holds the secret itself",
            id="literal credential",
        ),
        pytest.param(
            "provider: {credential: {env: A, file: b}}",
            "4:24: field 'credential' must be {env: NAME}, {file: PATH}, {command: [PROGRAM, ...]} or "
            "{username: NAME, password: {env: NAME}}; a manifest never holds the secret itself",
            id="two",
        ),
        pytest.param(
            "provider: {creators: x}", "4:22: field 'creators' must be a list, not text", id="one creator as text"
        ),
        pytest.param(
            "provider: {max_lifetime: 0s}",
            "4:26: field 'max_lifetime' must be longer than nothing",
            id="no life at all",
        ),
        pytest.param(
            "provider: {max_lifetime: 6000w}",
            "4:26: field 'max_lifetime' must be at most 100 years (36525d)",
            id="longer than any",
        ),
        pytest.param(
            "provider: {creators: [a b]}",
            "4:23: an item of 'creators' must be an id: text without blanks, not 'a b'",
            id="name of a creator",
        ),
        pytest.param(
            "provider: {credential: {command: []}}", "4:34: field 'command' must not be empty", id="no command"
        ),
        pytest.param("ledger: memory", "4:9: field 'ledger' must be a mapping, not text", id="ledger as a word"),
        pytest.param("ledger: {type: 7, x: y}", "4:16: field 'type' must be text, not a number", id="ledger's number"),
        pytest.param(
            "ledger: {type: sqlit}", "4:16: ledger type 'sqlit' is unknown; known are: sqlite", id="unknown ledger"
        ),
        pytest.param("ledger: {paht: x}", "4:10: field 'paht' is unknown; did you mean 'path'?", id="ledger's option"),
        pytest.param("ledger: {type: sqlite, path: ''}", "4:30: field 'path' must not be empty", id="ledger's value"),
        pytest.param("defaults: [x]", "4:11: field 'defaults' must be a mapping, not a list", id="defaults as a list"),
        pytest.param("defaults: {name: x}", f"4:12: field 'name' is unknown{IN_DEFAULTS}", id="default name"),
        pytest.param("defaults: {sink: x}", "4:18: sink 'x' is unknown; 'sinks' names none", id="sink nobody declared"),
        pytest.param(
            '"x\\e[31m\\u202ey": 1', f"4:1: field 'x\\x1b[31m\\u202ey' is unknown{AT_TOP}", id="terminal escape"
        ),
        pytest.param(f"{'x' * 60}: 1", f"4:1: field '{'x' * 40}...' is unknown{AT_TOP}", id="long name"),
        pytest.param(
            f"{'x' * 80}: 1", f"4:1: field '{'x' * 40}...' is unknown{AT_TOP}", id="too long to look for a near one"
        ),
    ],
)
def test_a_mistake_in_a_setting_is_one_line(line: str, problem: str, find_problems: Find) -> None:
    assert find_problems(f"{SMALLEST}{line}\n") == (problem,)


@pytest.mark.parametrize(
    ("text", "problem"),
    [
        pytest.param(
            "version: 2\nowner: ml\nkeys: []",
            "1:10: field 'version' must be 1: this keyplan reads manifests of version 1 only",
            id="another version",
        ),
        pytest.param("owner: ml\nkeys: []", "1:1: field 'version' is missing", id="no version"),
        pytest.param("version: 1\nkeys: []", "1:1: field 'owner' is missing", id="no owner"),
        pytest.param("version: 1\nowner: ml", "1:1: field 'keys' is missing", id="no keys"),
        pytest.param("version: 1\nowner: ml\nkeys:", "3:6: field 'keys' must be a list, not empty", id="empty keys"),
        pytest.param(
            "version: 1\nonwer: ml\nkeys: []",
            "2:1: field 'onwer' is unknown; did you mean 'owner'?",
            id="a misspelt field is not missing too",
        ),
        *(
            pytest.param(
                f"version: 1\nowner: {owner}\nkeys: []",
                "2:8: field 'owner' must be 1 to 63 of the characters "
                f"a-z 0-9 . _ - and begin with a letter or digit, not {shown}",
                id=reason,
            )
            for owner, shown, reason in (
                ("ML", "'ML'", "upper case"),
                ("-a", "'-a'", "begins with a hyphen"),
                ('"a\\n"', "'a\\n'", "line break"),
                ("a/b", "'a/b'", "slash"),
                ("''", "''", "empty"),
                ("7", "a number", "number"),
                ("a" * 64, f"'{'a' * 40}...'", "too long"),
            )
        ),
    ],
)
def test_a_mistake_at_the_top_is_one_line(text: str, problem: str, find_problems: Find) -> None:
    assert find_problems(text) == (problem,)


def test_all_problems_come_together_in_file_order(find_problems: Find) -> None:
    text = """\
version: 1
owner: ML
owner: ml
provider: {type: arize, regoin: eu}
sinks:
  local: {type: file, path: x, format: dotenvv}
defaults: {sinc: local}
limits: {deletes: -1}
keys:
  - name: 123
    key_type: usr
    desciption: x
    sink: locla
  - {name: a, key_type: user, space: x, every: 3d}
  - {name: b, key_type: service, rotation: {every: 5m, generation: 0}, expires_at: 2027-01-01T00:00:00}
  - text
"""
    assert [problem.split(": ")[0] for problem in find_problems(text)] == [
        "2:8", "3:1", "4:25", "6:40", "7:12", "8:19", "10:11", "11:15", "12:5", "13:11",
        "14:31", "14:41", "15:5", "15:52", "15:68", "15:84", "16:5",
    ]  # fmt: skip


def test_a_problem_names_the_file(read_text: Read) -> None:
    with pytest.raises(ManifestError) as caught:
        read_text("version: 1\nowner: ml\n")
    assert str(caught.value) == "keys.yaml:1:1: field 'keys' is missing"
    assert caught.value.exit_status == 3


@pytest.mark.parametrize(
    ("expiry", "problems"),
    [
        pytest.param("expires_in: 30d", (), id="as long as the account allows"),
        pytest.param("expires_at: 2099-01-01T00:00:00Z", (), id="a date, which only a clock can judge"),
        pytest.param(
            "expires_in: 31d",
            ("5:53: field 'expires_in' is longer than the account allows: 30d (provider: max_lifetime)",),
            id="too long",
        ),
    ],
)
def test_a_life_that_the_account_does_not_allow_is_told_at_its_place(
    expiry: str, problems: tuple[str, ...], find_problems: Find
) -> None:
    keys = f"keys:\n  - {{name: ci, key_type: user, sink: s, {expiry}}}\n"
    head = "version: 1\nowner: ml\nprovider: {max_lifetime: 30d}\n"
    assert find_problems(head + keys + "sinks: {s: {type: file, path: x}}\n") == problems


def test_a_life_that_is_too_long_has_a_rule_of_its_own(read_text: Read) -> None:
    text = (
        "version: 1\nowner: ml\nprovider: {max_lifetime: 30d}\nsinks: {s: {type: file, path: x}}\n"
        "defaults: {sink: s, expires_in: 31d}\nkeys: [{name: a, key_type: user}, {name: b, key_type: user}]\n"
    )
    with pytest.raises(ManifestError) as caught:
        read_text(text)
    assert [(problem.line, problem.rule) for problem in caught.value.problems] == [(5, "manifest/max_lifetime")]

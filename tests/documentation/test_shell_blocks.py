"""The shell blocks of every page: each has a row that says how it is followed, and most are typed here, as written.

What is typed in an environment of its own is in `test_installation_blocks.py`, what needs a server in
`test_server_blocks.py`. Real processes, real HTTP on loopback.
"""

from __future__ import annotations

import json
import re
import shutil
from collections.abc import Callable, Iterator
from contextlib import nullcontext
from pathlib import Path

import httpx
import pytest
from documentation.shell_blocks import ROOT, Block, Command, find_blocks, list_blocks, read_page
from documentation.shell_reader import ShellReader
from documentation.shell_rows import PROVIDER_PACKAGE, ROWS, SHOWN, SINK_PACKAGE, Elsewhere, Here
from documentation.test_every_command import list_pages
from e2e.terminal import Terminal
from net.servers import serving
from prometheus_client.parser import text_string_to_metric_families
from signed_reports import Scanner
from sinks.serving import free_port

from keyplan.sandbox.options import SandboxOptions
from keyplan.sandbox.server import running

BLOCKS = list_blocks()
Scene = Callable[[ShellReader], None]
SCENES: dict[str, Scene] = {}
"""The pages that are followed here, and for each the function that does so."""
NEEDED: dict[str, tuple[str, ...]] = {}
"""The programs that a page needs beside keyplan and a shell."""


def scene(page: str, *programs: str) -> Callable[[Scene], Scene]:
    """Return a decorator for the function that follows a page, which needs these programs."""

    def register(follow: Scene) -> Scene:
        SCENES[page], NEEDED[page] = follow, programs
        return follow

    return register


@pytest.fixture
def reader(tmp_path: Path) -> Iterator[ShellReader]:
    """Return a reader in an empty folder, who ends with all that was started."""
    folder = tmp_path / "work"
    folder.mkdir()
    with running(SandboxOptions(api="beta")) as sandbox:
        terminal = Terminal(folder=folder, url=sandbox.url, credential=sandbox.credential, api="beta")
        reader = ShellReader(terminal)
        try:
            yield reader
        finally:
            reader.kill_running()


# The table.


def test_no_two_blocks_of_a_page_have_one_name() -> None:
    names = [(block.page, block.key) for block in BLOCKS]
    assert sorted(set(names)) == sorted(names)


def test_every_block_has_a_row_and_every_row_a_block() -> None:
    expected: dict[str, set[str]] = {}
    for block in BLOCKS:
        expected.setdefault(block.page, set()).add(block.key)
    assert {page: set(rows) for page, rows in ROWS.items()} == expected


@pytest.mark.parametrize("block", BLOCKS, ids=lambda block: f"{block.page}: {block.key[:40]}")
def test_a_row_names_the_programs_of_its_block_and_no_others(block: Block) -> None:
    programs = {program for command in block.commands for program in command.programs}
    assert set(ROWS[block.page][block.key]) == (programs or {block.title})


def test_no_command_is_in_a_block_of_another_kind() -> None:
    hidden = re.compile(
        r"^ *```(?:text)?\n *(?:\$ |(?:keyplan|make|pip|kubectl|helm|curl|docker) [a-z-]+ )", re.MULTILINE
    )
    # Every second fence ends a block.
    starts = re.compile(r"^ *```.*?^ *```$", re.MULTILINE | re.DOTALL)
    blocks = [(page, found[0]) for page in list_pages() for found in starts.finditer(read_page(page))]
    assert [(page, block) for page, block in blocks if hidden.match(block)] == []


def test_every_page_that_is_followed_now_is_followed_here() -> None:
    followed = {page for page, rows in ROWS.items() if any(Here.NOW in row.values() for row in rows.values())}
    assert set(SCENES) == followed


def test_what_follows_a_page_elsewhere_exists() -> None:
    by = {
        name
        for rows in ROWS.values()
        for row in rows.values()
        for how in row.values()
        if isinstance(how, Elsewhere)
        for name in how.by
    }
    pipeline = {line.partition("||")[0].strip() for line in (ROOT / ".ci" / "run").read_text().splitlines()}
    assert [name for name in by if name not in pipeline and not (ROOT / name).is_file()] == []


def test_no_command_of_keyplan_is_left_to_other_programs() -> None:
    """A block that needs Docker or a cluster still has its commands of keyplan typed."""
    left = {row.get("keyplan") for page in ROWS.values() for row in page.values()} - {None, *Here}
    assert left <= {SHOWN, PROVIDER_PACKAGE, SINK_PACKAGE}


@pytest.mark.parametrize(
    ("text", "programs"),
    [
        pytest.param("keyplan plan   # read; only", ["keyplan"], id="a comment starts nothing"),
        pytest.param("gh api x --jq .secret | keyplan leak", ["gh", "keyplan"], id="a pipe"),
        pytest.param("openssl ec -pubout |\n  jq -Rs '{a: [1|2]}'", ["openssl", "jq"], id="a pipe into the next line"),
        pytest.param("python3 -m venv x && . x/bin/activate", ["python3", "."], id="one after the other"),
        pytest.param("/opt/keyplan/bin/pip install \\\n  x", ["pip"], id="a program by its path"),
        pytest.param("export A=x", [], id="a variable"),
        pytest.param('export A="$(cat x)" B=1', ["cat"], id="a program that gives a variable its value"),
        pytest.param("A=1 B=2 bin/python x", ["python"], id="variables of one program"),
        pytest.param("python server.py 8099 &", ["python"], id="a program in the background"),
    ],
)
def test_the_programs_of_a_command_are_found(text: str, programs: list[str]) -> None:
    (block,) = find_blocks("page.md", f"```sh\n{text}\n```\n")
    assert [command.programs for command in block.commands] == [programs]


@pytest.mark.e2e
@pytest.mark.enable_socket
@pytest.mark.parametrize(
    ("text", "is_kept"),
    [
        pytest.param("true", True, id="success"),
        pytest.param("false", False, id="a failure of which the page says nothing"),
        pytest.param("false   # exit status 1: it is wrong", True, id="the failure that the page names"),
        pytest.param("true    # exit status 1: it is wrong", False, id="a success in place of that failure"),
        pytest.param("false   # exit status 1 if it is wrong", False, id="a status that the page only explains"),
        pytest.param("echo 'Plan: 2 to add'   # 2 to add", True, id="the count that the page names"),
        pytest.param("echo 'Plan: 3 to add'   # 2 to add", False, id="another count"),
    ],
)
def test_a_command_has_to_end_as_the_page_says(text: str, reader: ShellReader, *, is_kept: bool) -> None:
    with nullcontext() if is_kept else pytest.raises(AssertionError, match="exit status"):
        reader.type_command(Command(text=text))


# The pages.


@pytest.mark.e2e
@pytest.mark.enable_socket
@pytest.mark.parametrize("page", SCENES)
def test_the_commands_of_a_page_do_what_it_says(page: str, reader: ShellReader) -> None:
    missing = [program for program in NEEDED[page] if shutil.which(program, path="/usr/bin:/bin") is None]
    if missing:
        pytest.skip(f"not installed: {', '.join(missing)}; `make sinks` installs jq")
    SCENES[page](reader)
    reader.end_running()


CREDENTIAL = {"ARIZE_API_KEY=...": 'ARIZE_API_KEY="$ARIZE_API_KEY"'}
MANIFEST = """\
version: 1
owner: {owner}
id: {owner}1
sinks: {{local: {{type: file, path: "secrets/{{name}}.key"}}}}
defaults: {{sink: local}}
keys:
  - {{name: {owner}-ci, key_type: user, description: Used by CI}}
"""
POLICY = "version: 1\nrequire_description: true\n"


def write(reader: ShellReader, **texts: str) -> None:
    """Write files below the folder; in their names a double underscore is a slash."""
    for name, text in texts.items():
        path = reader.folder / f"{name.replace('__', '/')}.yaml"
        path.parent.mkdir(parents=True, exist_ok=True)
        path.write_text(text)


def write_folders(reader: ShellReader) -> None:
    write(reader, envs__staging__keys=MANIFEST.format(owner="stage"), envs__prod__keys=MANIFEST.format(owner="prod"))


def prepare(reader: ShellReader, *arguments: str) -> None:
    """Run a command that the page leaves to another page; it has to end with 0."""
    ended = reader.start("keyplan", *arguments)
    assert ended.returncode == 0, ended.stdout


@scene("README.md")
def follow_readme(reader: ShellReader) -> None:
    def prepare_pipeline() -> None:
        write_folders(reader)
        write(reader, platform=POLICY)

    reader.follow_page(
        "README.md",
        replaced={**CREDENTIAL, "--expect DIGEST": '--expect "$DIGEST"'},
        before={
            "keyplan plan envs/ --policy platform.yaml --format text --format markdown=comment.md": prepare_pipeline
        },
    )
    assert (reader.folder / "comment.md").read_text()
    assert (reader.folder / "keys.prom").read_text()
    assert sorted(path.name for path in reader.folder.rglob("*.key")) != []


@scene("docs/gitops.md")
def follow_gitops(reader: ShellReader) -> None:
    policies = "keyplan validate . --policy policy.yaml --format text --format sarif=findings.sarif"
    reader.follow_page("docs/gitops.md", before={policies: lambda: write(reader, policy=POLICY)})
    rows = re.findall(r"^> (\| `\+` create .*)$", (ROOT / "docs/gitops.md").read_text(), re.MULTILINE)
    assert rows
    assert [row for row in rows if row not in (reader.folder / "comment.md").read_text()] == []
    assert json.loads((reader.folder / "findings.sarif").read_text())["runs"]


@scene("docs/kubernetes.md")
def follow_kubernetes(reader: ShellReader) -> None:
    reader.follow_page("docs/kubernetes.md")
    assert reader.said == ["keys.yaml is valid: 1 key.\n"]


@scene("docs/metrics.md")
def follow_metrics(reader: ShellReader) -> None:
    write(reader, keys=MANIFEST.format(owner="ml"))
    prepare(reader, "apply", "--auto-approve")
    collected = reader.folder.parent / "textfile"
    collected.mkdir()
    reader.follow_page("docs/metrics.md", replaced={"/var/lib/node_exporter/textfile/": f"{collected}/"})
    families = text_string_to_metric_families((collected / "keyplan.prom").read_text())
    assert "keyplan_keys" in {family.name for family in families}


@scene("docs/notifications.md")
def follow_notifications(reader: ShellReader) -> None:
    write(reader, keys=MANIFEST.format(owner="ml"))
    hooks = reader.folder.parent / "run-secrets"
    hooks.mkdir()
    with serving() as (port, seen):
        (hooks / "hook").write_text(f"http://127.0.0.1:{port}/one\n")
        (hooks / "hooks").write_text(f"# ours\nhttp://127.0.0.1:{port}/two\n")
        reader.follow_page("docs/notifications.md", replaced={"/run/secrets/": f"{hooks}/"})
    posted = [line.split()[:2] for line in seen]
    # The second command has the variable of the first, too.
    assert sorted(posted) == [["POST", "/one"], ["POST", "/one"], ["POST", "/two"]]


@scene("docs/watch.md")
def follow_watch(reader: ShellReader) -> None:
    write(reader, keys=MANIFEST.format(owner="ml"))
    write_folders(reader)
    reader.follow_page("docs/watch.md", replaced={"--listen 0.0.0.0:9857": "--listen 127.0.0.1:0"})
    assert [said.count('"type": "watch"') > 0 for said in reader.said] == [True] * 3


@scene("docs/sinks/command.md", "jq")
def follow_command(reader: ShellReader) -> None:
    store = reader.folder.parent / "srv-keys"
    reader.follow_page("docs/sinks/command.md", replaced={"/srv/keys": str(store)})
    assert (store / "ci-pipeline").read_text().startswith("ak-")
    assert json.loads((store / "ci-pipeline.json").read_text())["receipt"]["key_id"]


@scene("docs/leak-reports.md", "curl", "jq", "openssl")
def follow_leak_reports(reader: ShellReader) -> None:
    write(reader, keys=MANIFEST.format(owner="ml"))
    prepare(reader, "apply", "--auto-approve")
    raw_key = reader.folder / "secrets" / "ml-ci.key"
    stand_ins = reader.folder.parent / "stand-ins"
    stand_ins.mkdir()
    (stand_ins / "gh").write_text(f"#!/bin/sh\ncat '{raw_key}'\n")
    (stand_ins / "gh").chmod(0o755)
    reader.variables["PATH"] = f"{stand_ins}:{reader.variables['PATH']}"
    port = free_port()
    (reader.folder / "report.json").write_text(json.dumps([{"token": raw_key.read_text()}]))
    Scanner().write_keys(reader.folder / "published.json")
    with serving(body=(reader.folder / "published.json").read_bytes()) as (github, _):
        reader.follow_page(
            "docs/leak-reports.md",
            replaced={
                "https://api.github.com/meta": f"http://127.0.0.1:{github}/meta",
                "--listen 0.0.0.0:9857": f"--listen 127.0.0.1:{port}",
                "https://HOST": f"http://127.0.0.1:{port}",
            },
            before={"curl -fsS https://HOST/leaks/github --data-binary @report.json \\": reader.reload_running},
        )
    (watch,) = reader.running
    watch.await_text(re.compile(r'"event": "key_leaked"'))
    assert raw_key.read_text() not in watch.log.read_text()


def rehearse(reader: ShellReader, example: str) -> None:
    """Follow the README of an example, in a copy of its folder."""
    shutil.copytree(ROOT / "examples" / example, reader.folder, dirs_exist_ok=True)
    port = free_port()
    reader.follow_page(
        f"examples/{example}/README.md",
        replaced={**CREDENTIAL, "--port 8080": f"--port {port}", "127.0.0.1:8080": f"127.0.0.1:{port}"},
    )


@scene("examples/01-start/README.md")
def follow_start(reader: ShellReader) -> None:
    rehearse(reader, "01-start")
    assert "Plan: 2 to add, 0 to change, 0 to destroy." in reader.said[2]
    assert "No changes. Your keys match the manifest." in reader.said[-1]


@scene("examples/03-environments/README.md")
def follow_environments(reader: ShellReader) -> None:
    rehearse(reader, "03-environments")
    assert [said for said in reader.said if "Plan: 4 to add, 0 to change, 0 to destroy." in said] != []
    assert "No drift. Nothing needs to be done." in reader.said[-1]


@scene("docs/sandbox.md", "curl")
def follow_sandbox(reader: ShellReader) -> None:
    port = free_port()
    listed = "curl -s localhost:8080/_sandbox/keys"

    def make_key() -> None:
        made = httpx.post(
            f"http://127.0.0.1:{port}/v2/api-keys",
            headers={"Authorization": f"Bearer {reader.variables['ARIZE_API_KEY']}"},
            json={"name": "ci", "key_type": "USER"},
        )
        reader.variables |= {"KEY_ID": made.raise_for_status().json()["id"], "RAW_KEY": made.json()["key"]}

    reader.follow_page(
        "docs/sandbox.md",
        replaced={
            "--port 8080": f"--port {port}",
            "localhost:8080": f"127.0.0.1:{port}",
            "api-keys/QXBpS2V5OjEwMDI6YzgyMA==/": "api-keys/$KEY_ID/",
            '\'{"key": "ak-…"}\'': '"{\\"key\\": \\"$RAW_KEY\\"}"',
        },
        before={listed: make_key},
    )
    _, clock, faults, kept, removed, requests, keys, checked, revoked = reader.said
    assert json.loads(clock)["ahead_seconds"] >= 86_400
    assert [len(json.loads(said)["faults"]) for said in (faults, kept)] == [2, 2]
    assert (removed, set(json.loads(requests))) == ("", {"count", "requests"})
    assert [key["name"] for key in json.loads(keys)["keys"] if key["id"] == reader.variables["KEY_ID"]] == ["ci"]
    assert json.loads(checked) == {"id": reader.variables["KEY_ID"], "valid": True}
    assert revoked == ""


@scene("docs/sinks/file.md", "jq")
def follow_file(reader: ShellReader) -> None:
    delivered = reader.folder.parent / "srv-ingest"
    (reader.folder / "secrets").mkdir()
    delivered.mkdir()
    (reader.folder / "secrets" / "ci-pipeline.key").write_text("ak-raw")
    (reader.folder / "secrets" / "ci-pipeline.env").write_text("ARIZE_API_KEY=ak-dotenv\n")
    (delivered / "arize.json").write_text('{"key": "ak-json"}')
    reader.follow_page("docs/sinks/file.md", replaced={"/srv/ingest/": f"{delivered}/"})
    assert (reader.variables["ARIZE_API_KEY"], reader.said[-1]) == ("ak-dotenv", "ak-json\n")


@scene("docs/manifest.md")
def follow_manifest(reader: ShellReader) -> None:
    write(reader, base=MANIFEST.format(owner="ml"), prod="keys: {user/ml-ci: {description: Of production}}\n")
    reader.follow_page("docs/manifest.md")
    assert 'description  "Of production"' in reader.said[-1]


@scene("docs/policy.md")
def follow_policy(reader: ShellReader) -> None:
    write(reader, keys=MANIFEST.format(owner="ml"), platform=POLICY, payments="version: 1\nnames: ['[a-z-]+']\n")
    reader.follow_page("docs/policy.md")
    assert reader.said[0] == "keys.yaml is valid: 1 key.\n"

"""Files that plugins name: what is read, what is not, and where mistakes in them are shown."""

from __future__ import annotations

import os
from pathlib import Path

import pytest
from cli.shell import Shell
from providers.http.connected import EXAMPLES
from providers.http.served import serve
from providers.http.vendors import LiteLLM

from keyplan.app.plugin_files import MAX_BYTES, make_file_reader
from keyplan.app.wiring import PluginWiring
from keyplan.errors import InputError
from keyplan.system.clock import SystemClock

MANIFEST = """\
version: 1
owner: ml
id: k7f3a9c2
provider: {{type: http, definition: {definition}, base_url: "{url}", credential: {{env: ADMIN}}}}
sinks: {{local: {{type: file, path: "{{name}}.key"}}}}
defaults: {{sink: local}}
keys: [{{name: ci, key_type: api, expires_in: 90d}}]
"""


def test_a_place_is_that_of_the_part_or_of_the_innermost_on_the_way(tmp_path: Path) -> None:
    (tmp_path / "p.yaml").write_text((EXAMPLES / "litellm.yaml").read_text())
    file = make_file_reader(tmp_path)("p.yaml", "provider.v1")
    lines = (tmp_path / "p.yaml").read_text().splitlines()
    for path, word in (
        (("delete", "body", "keys", 0), "${id}"),
        (("delete", "body", "keys", 7), "${id}"),
        (("create", "nowhere"), "path:"),
    ):
        place = file.find_place(path)
        assert word in lines[place.line - 1]
    assert file.find_place(("nowhere",)).line == 1
    assert str(file.problem(("name",), "is wrong")).endswith("is wrong")


@pytest.mark.parametrize(
    ("name", "message"),
    [
        ("none.yaml", "does not exist"),
        ("/etc/passwd", "must be a YAML file"),
        ("folder.yaml", "is not a plain file"),
        ("pipe.yaml", "is not a plain file"),
        ("large.yaml", "is larger than 1024 KiB"),
        ("nul\0.yaml", "must be a YAML file"),
        ("locked.yaml/x.yaml", "cannot be read"),
        ("empty.yaml", "the file is empty"),
    ],
)
def test_what_cannot_be_read_is_told_and_never_waited_for(tmp_path: Path, name: str, message: str) -> None:
    (tmp_path / "folder.yaml").mkdir()
    os.mkfifo(tmp_path / "pipe.yaml")
    (tmp_path / "large.yaml").write_bytes(b"#" * (MAX_BYTES + 1))
    (tmp_path / "locked.yaml").write_text("")
    (tmp_path / "empty.yaml").write_text("# nothing\n")
    with pytest.raises(InputError, match=message):
        make_file_reader(tmp_path)(name, "provider.v1")


def test_validate_shows_a_broken_definition_with_its_places(shell: Shell) -> None:
    shell.write((EXAMPLES / "litellm.yaml").read_text().replace("${name}", "${nam}"), "broken.yaml")
    shell.write(MANIFEST.format(definition="broken.yaml", url="https://acme.test"))
    done = shell("validate")
    assert done.status == 3
    assert "broken.yaml:" in done.err
    assert "did you mean ${name}?" in done.err


def test_validate_shows_what_the_laws_of_a_definition_rule_out(shell: Shell) -> None:
    shell.write((EXAMPLES / "openai.yaml").read_text(), "openai.yaml")
    text = MANIFEST.format(definition="openai.yaml", url="https://acme.test")
    shell.write(text.replace("definition:", "variables: {project: p1}, definition:"))
    done = shell("validate")
    assert done.status == 3
    assert "keys.yaml:7:" in done.err
    assert "expir" in done.err


def test_a_policy_with_base_urls_wants_the_url_in_the_manifest(shell: Shell) -> None:
    shell.write('version: 1\nallow: {base_urls: ["https://openrouter.ai"]}\n', "policy.yaml")
    shell.write((EXAMPLES / "openrouter.yaml").read_text(), "p.yaml")
    text = MANIFEST.format(definition="p.yaml", url="https://openrouter.ai")
    shell.write(text)
    assert shell("validate", "--policy", "policy.yaml").status == 0
    shell.write(text.replace('base_url: "https://openrouter.ai", ', ""))
    done = shell("validate", "--policy", "policy.yaml")
    assert done.status == 3
    assert "base_urls" in done.err


def test_a_policy_with_folders_keeps_a_definition_from_being_read(shell: Shell) -> None:
    shell.write("version: 1\nallow: {folders: [allowed]}\n", "policy.yaml")
    shell.write("nonsense: true\n", "p.yaml")
    shell.write(MANIFEST.format(definition="p.yaml", url="https://acme.test"))
    done = shell("validate", "--policy", "policy.yaml")
    assert done.status == 3
    assert "folder" in done.err
    assert "nonsense" not in done.err


@pytest.mark.enable_socket
def test_keys_of_a_definition_live_a_whole_life(shell: Shell) -> None:
    shell.wiring = PluginWiring(shell.environment, lambda _text: None)  # type: ignore[assignment]  # the same protocol
    vendor = LiteLLM(clock=SystemClock())  # type: ignore[arg-type]  # only its time is used
    shell.environment["ADMIN"] = vendor.credential
    shell.write((EXAMPLES / vendor.file).read_text(), "p.yaml")
    with serve(vendor) as url:
        shell.write(MANIFEST.format(definition="p.yaml", url=url))
        assert shell("apply", "--auto-approve").status == 0
        raw = (shell.folder / "ci.key").read_text()
        assert raw in vendor.raws
        assert shell("plan", "--detailed-exitcode").status == 0
        assert shell("rotate", "api/ci", "--auto-approve").status == 0
        assert (shell.folder / "ci.key").read_text() != raw
        assert len(vendor.items) == 2
        vendor.forget(vendor.raws[(shell.folder / "ci.key").read_text()])
        assert shell("drift").status != 0
        done = shell("apply", "--auto-approve")
        assert done.status == 0
        assert (shell.folder / "ci.key").read_text() in vendor.raws
        assert raw not in done.out + done.err

"""Commands on a manifest with two providers: each key is looked up, ended and renewed at its own, and at no other."""

from __future__ import annotations

import json
from dataclasses import replace
from pathlib import Path
from urllib.parse import quote, unquote

import httpx
import pytest
from scripted_zenml import Zenml
from simulated_phoenix import Phoenix
from two_providers import ARIZE, FIRST_URL, SECOND_URL, ZENML, PairShell, PairWiring, make_applied, make_pair

import keyplan
from keyplan.model.identity import Lineage, SinkName
from keyplan.model.manifest import ProviderSettings
from keyplan.model.secret import RawKey
from keyplan.ports import ProviderPorts, ReaderPorts
from keyplan.renderers.formats import PLAN_FORMATS

NIGHTLY = "zen:service/staging/nightly"


def live(shell: PairShell) -> tuple[list[str], list[str]]:
    """Return the names of the keys that work at each provider."""
    return [one.name for one in shell.first.live()], [one.name for one in shell.second.live()]


@pytest.mark.parametrize("text", [ZENML, ARIZE], ids=["zenml", "arize"])
def test_the_guard_of_this_file_notices_a_raw_key_at_the_wrong_provider(tmp_path: Path, text: str) -> None:
    shell = make_applied(tmp_path, text)
    (key,) = shell.second.live()
    with pytest.raises(pytest.fail.Exception, match="was shown a raw key of https://zen"):
        shell.first.verify(RawKey(key.raw))


@pytest.mark.parametrize(
    ("subject", "left"),
    [
        pytest.param("zen:key-0501", (["ci"], []), id="id with prefix"),
        pytest.param(NIGHTLY, (["ci"], []), id="address with prefix"),
        pytest.param("key-0001", ([], ["nightly"]), id="id without prefix"),
        pytest.param("user/ci", ([], ["nightly"]), id="address without prefix"),
    ],
)
def test_revoke_ends_a_key_at_the_provider_that_its_name_says(
    tmp_path: Path, subject: str, left: tuple[list[str], list[str]]
) -> None:
    shell = make_applied(tmp_path)
    done = shell("revoke", subject, "--auto-approve")
    assert (done.status, live(shell)) == (0, left), done.out + done.err


def test_an_unmanaged_key_is_revoked_at_its_provider_though_the_other_has_one_of_its_id(tmp_path: Path) -> None:
    shell = make_applied(tmp_path, ARIZE)
    first, second = shell.first.person_creates("theirs"), shell.second.person_creates("theirs")
    del shell.second.records[second.id]
    shell.second.records[first.id] = replace(second, id=first.id)
    done = shell("revoke", f"zen:{first.id}", "--auto-approve")
    assert (done.status, live(shell)) == (0, (["ci", "theirs"], ["ci"])), done.out + done.err


def test_an_id_of_no_provider_is_refused_and_nothing_ends(tmp_path: Path) -> None:
    shell = make_applied(tmp_path)
    for unknown in ("key-0501", "zen:key-0001", "elsewhere:key-0001"):
        assert shell("revoke", unknown, "--auto-approve").status == 3
    assert live(shell) == (["ci"], ["nightly"])


@pytest.mark.parametrize(
    ("address", "changed"), [("user/ci", (True, False)), (NIGHTLY, (False, True)), ("zen:*", (False, True))]
)
def test_rotate_renews_a_key_at_its_provider_alone(tmp_path: Path, address: str, changed: tuple[bool, bool]) -> None:
    shell = make_applied(tmp_path)
    before = [record.raw for one in (shell.first, shell.second) for record in one.live()]
    done = shell("rotate", address, "--now", "--auto-approve")
    assert done.status == 0, done.out + done.err
    after = [record.raw for one in (shell.first, shell.second) for record in one.live()]
    assert tuple(new != old for new, old in zip(after, before, strict=True)) == changed
    # What is delivered was shown to its own provider: the guard fails the test otherwise.
    assert bool(shell.first.shown[1:]) is changed[0]


@pytest.mark.parametrize("subject", [NIGHTLY, "zen:key-0501"])
def test_explain_shows_the_key_of_the_provider_that_is_named(tmp_path: Path, subject: str) -> None:
    shell = make_applied(tmp_path)
    document = json.loads(shell("explain", subject, "--format", "json").out)
    assert (document["address"], document["key"]["id"]) == (NIGHTLY, "zen:key-0501")
    done = shell("explain", subject)
    assert (done.status, "zen:key-0501" in done.out, "key-0001" in done.out) == (0, True, False)


def test_explain_of_an_unmanaged_key_names_it_with_its_provider(tmp_path: Path) -> None:
    shell = make_applied(tmp_path, ARIZE)
    key = shell.second.person_creates("by hand")
    done = shell("explain", f"zen:{key.id}")
    assert (done.status, f"zen:{key.id}" in done.out) == (0, True), done.err
    assert shell("explain", key.id).status == 3


def test_a_report_has_the_keys_of_both(tmp_path: Path) -> None:
    shell = make_applied(tmp_path)
    done = shell("report", "--out", "report.html")
    assert done.status == 0, done.err
    page = (tmp_path / "report.html").read_text()
    assert ["user/ci" in page, NIGHTLY in page, "zen:key-0501" in page] == [True] * 3


@pytest.mark.parametrize(("name", "url"), [("main", FIRST_URL), ("zen", SECOND_URL)])
def test_a_report_says_which_provider_is_down(tmp_path: Path, name: str, url: str) -> None:
    shell = make_applied(tmp_path)
    (shell.first if name == "main" else shell.second).is_denied = True
    done = shell("report", "--out", "report.html")
    page = (tmp_path / "report.html").read_text() if (tmp_path / "report.html").exists() else ""
    assert done.status == 5
    assert f"provider '{name}' ({url}): 403 Forbidden" in done.err + page.replace("&#39;", "'").replace("&#x27;", "'")


def test_no_output_of_any_command_has_a_raw_key_of_either(tmp_path: Path) -> None:
    shell = make_applied(tmp_path, ARIZE)
    raws = [record.raw for one in (shell.first, shell.second) for record in one.live()]
    for line in (
        *(["plan", "--format", one] for one in PLAN_FORMATS),
        ["list"],
        ["doctor"],
        ["explain", "zen:user/ci"],
        ["export", "--owner", "acme", "--manifest", "keys.yaml"],
    ):
        done = shell(*line)
        assert not [raw for raw in raws if raw in done.out + done.err], line


def test_a_first_apply_that_lost_one_provider_goes_on_at_the_next(tmp_path: Path) -> None:
    shell = make_pair(tmp_path)
    shell.second.is_denied = True
    assert shell("apply", "--auto-approve").status == 5
    assert live(shell) == ([], [])
    shell.second.is_denied = False
    assert shell("apply", "--auto-approve").status == 0
    assert live(shell) == (["ci"], ["nightly"])


class WatchedPhoenix(Phoenix):
    """Fails the test if a request to it has a raw key of the other server anywhere in it."""

    zenml: WatchedZenml

    def __call__(self, request: httpx.Request) -> httpx.Response:
        refuse_foreign(request, [key.secret for key in self.zenml.keys.values()])
        return super().__call__(request)


class WatchedZenml(Zenml):
    """Fails the test if a request to it has a raw key of the other server anywhere in it."""

    phoenix: WatchedPhoenix

    def __call__(self, request: httpx.Request) -> httpx.Response:
        refuse_foreign(request, list(self.phoenix.raws))
        return super().__call__(request)


def refuse_foreign(request: httpx.Request, raws: list[str]) -> None:
    """Fail the test if one of these raw keys stands in a request: its address, its headers or its body."""
    sent = "\n".join([unquote(str(request.url)), *request.headers.values(), request.content.decode()])
    # ZenML's keys are base64 of a document; both forms of a key would be a leak of it.
    if [raw for raw in raws if raw in sent or quote(raw) in str(request.url)]:
        pytest.fail(f"{request.method} {request.url.host} has a raw key of the other server")


class RealWiring(PairWiring):
    """Wires the real adapters of Phoenix and ZenML to servers in memory."""

    phoenix: WatchedPhoenix
    zenml: WatchedZenml

    def provider(self, settings: ProviderSettings, *, lineage: Lineage, folder: Path) -> ProviderPorts:
        return self.zenml.provider() if settings.name == "zen" else self.phoenix.provider()

    def key_reader(self, settings: ProviderSettings, *, lineage: Lineage, folder: Path) -> ReaderPorts:
        return self.zenml.reader() if settings.name == "zen" else self.phoenix.reader()


REAL = """\
version: 1
owner: ml-platform
id: k7f3a9c2
providers:
  phx: {type: phoenix, base_url: "https://phoenix.simulated.test"}
  zen: {type: zenml, base_url: "https://zenml.example.com"}
sinks: {local: {type: file, path: "{address}.key"}}
defaults: {sink: local, provider: phx}
keys:
  - {name: ci, key_type: system}
  - {name: ci, key_type: service, provider: zen, service_account: ci}
"""


@pytest.fixture
def real(tmp_path: Path) -> PairShell:
    """Return a shell on the real adapters of two providers, whose manifest is applied."""
    shell = make_pair(tmp_path, REAL)
    wiring = RealWiring(shell.world)
    wiring.phoenix, wiring.zenml = WatchedPhoenix(clock=shell.world.clock), WatchedZenml(clock=shell.world.clock)
    wiring.phoenix.zenml, wiring.zenml.phoenix = wiring.zenml, wiring.phoenix
    shell.wiring = wiring
    done = shell("apply", "--auto-approve")
    assert done.status == 0, done.out + done.err
    return shell


def test_no_request_to_one_server_has_a_raw_key_of_the_other(real: PairShell) -> None:
    values = list(real.world.sinks[SinkName("local")].values().values())
    for line in (
        ["plan"],
        ["list"],
        ["doctor"],
        ["drift"],
        ["explain", "zen:service/ci/ci"],
        ["report", "--out", "report.html"],
        ["rehearse", "--days", "2"],
        ["export", "--owner", "acme", "--manifest", "keys.yaml"],
        ["rotate", "system/ci", "zen:service/ci/ci", "--now", "--auto-approve"],
    ):
        done = real(*line)
        assert done.status == 0, (line, done.out + done.err)
        assert not [raw for raw in values if raw in done.out + done.err], line
    assert real("leak", stdin="\n".join(values).encode()).status in (0, 2)
    for address in ("system/ci", "zen:service/ci/ci"):
        done = real("revoke", address, "--auto-approve")
        assert done.status == 0, done.out + done.err
    assert real("list", "--format", "csv").out.count("\n") == 1


def test_the_watch_of_requests_notices_a_raw_key_of_the_other(real: PairShell) -> None:
    wiring = real.wiring
    assert isinstance(wiring, RealWiring)
    (raw,) = (key.secret for key in wiring.zenml.keys.values())
    with pytest.raises(pytest.fail.Exception, match="raw key of the other server"):
        wiring.phoenix.provider().writer.verify(RawKey(raw))


def test_a_server_that_is_down_is_named_by_every_command(real: PairShell) -> None:
    wiring = real.wiring
    assert isinstance(wiring, RealWiring)
    wiring.zenml.rules.append(lambda _: httpx.Response(403, json={"detail": "no"}))
    for line in (["plan"], ["list"], ["drift"], ["explain", "system/ci"], ["audit"], ["rehearse"], ["leak"]):
        done = real(*line)
        named = "provider 'zen' (https://zenml.example.com): " in done.err
        # Neither server has a log, which is said before any request.
        assert (done.status, named) == (5, line != ["audit"]), (line, done.err)


def test_import_takes_a_key_over_at_the_provider_of_its_address(tmp_path: Path) -> None:
    shell = make_pair(tmp_path, ARIZE)
    first, second = shell.first.person_creates("ci"), shell.second.person_creates("ci")
    for place, record in (("user/ci", first), ("zen:user/ci", second)):
        shell.world.sinks[SinkName("local")].person_writes(place, record.raw)
    done = shell("import", "zen:user/ci", f"zen:{second.id}")
    assert done.status == 0, done.out + done.err
    assert (shell.first.shown, shell.second.shown) == ([], [second.raw])
    crossed = shell("import", "user/ci", f"zen:{second.id}")
    assert crossed.status in (3, 4), crossed.out + crossed.err
    assert shell("import", "user/ci", first.id).status == 0
    assert "No changes. Your keys match the manifest." in shell("plan").out


def test_the_python_api_lists_and_exports_the_keys_of_both(tmp_path: Path) -> None:
    shell = make_pair(tmp_path, ARIZE)
    shell.first.person_creates("by hand")
    shell.second.person_creates("by hand")
    session = shell.context()
    assert [key.id for key in keyplan.list_keys(session=session)] == ["key-0001", "zen:key-0501"]
    assert [key.id for key in keyplan.list_keys(provider="zen", session=session)] == ["zen:key-0501"]
    (made,) = keyplan.export_keys("acme", manifest="keys.yaml", session=session)
    assert [entry.key.id for entry in made.manifest.keys] == ["key-0001", "zen:key-0501"]

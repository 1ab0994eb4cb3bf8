"""A manifest with everything around it that a run needs: folder, ledger, policies, and its opened ports."""

from __future__ import annotations

import json
import os
from collections.abc import Callable, Iterable, Iterator, Mapping, Sequence
from contextlib import ExitStack, contextmanager
from dataclasses import dataclass, field, replace
from datetime import timedelta
from pathlib import Path

from keyplan.app.context import RunContext
from keyplan.app.discovery import find_manifest
from keyplan.app.files import Input, read_input, read_manifest
from keyplan.app.ledger_choice import SQLITE, LedgerName, choose_ledger, read_ledger_name
from keyplan.app.manifest_check import find_manifest_problems
from keyplan.app.provider_ports import open_ports
from keyplan.app.several_providers import label_providers, name_failures
from keyplan.app.unasked import UnaskedLedger, make_unasked_sinks
from keyplan.app.untrusted import find_asked, judge, list_rules
from keyplan.app.wiring import Wiring
from keyplan.applier.workbench import Workbench
from keyplan.errors import ManifestError, Problem
from keyplan.model.identity import ONLY_PROVIDER, Address, Identity, ManifestId, SinkName
from keyplan.model.intent import Runner
from keyplan.model.ledger import Holder
from keyplan.model.manifest import LedgerSettings, Manifest, ProviderSettings
from keyplan.model.plan import Plan
from keyplan.model.policy import Policy
from keyplan.model.secret import RawKey
from keyplan.model.times import write_duration
from keyplan.ports import Ledger, LedgerReader, ProviderPorts, ReaderPorts, SinkReader
from keyplan.renderers.text.ledger import describe_holder


@dataclass(frozen=True, slots=True, kw_only=True)
class Workspace:
    """A manifest, with the folder and the ledger that belong to it."""

    manifest: Manifest
    folder: Path
    """Absolute; relative paths of the manifest start here."""
    ledger: LedgerSettings
    """The manifest's, or the one that `--ledger` named; the path of a file is absolute, and need not exist."""
    is_preflight: bool = True
    """Whether planning asks sinks what would keep their places from being written."""
    asks_sinks: bool = True
    """Whether any sink is opened."""
    asks_ledger: bool = True
    """Whether the ledger is opened."""
    values: Mapping[Address, RawKey] = field(default_factory=dict, compare=False, repr=False)
    """Raw keys that the user gave for keys that are to be imported."""

    @property
    def ledger_name(self) -> str:
        """What users know the ledger by: its file, or the type of one that is not a file. Never a URL."""
        return self._ledger_file or self.ledger.type

    @property
    def ledger_id(self) -> str:
        """A text that is the same in every process for one ledger, and another for the ledger of another manifest."""
        if self._ledger_file:
            return os.path.realpath(self._ledger_file)
        # A ledger that is not a file may serve many manifests: it keeps apart what is of another owner or account.
        options = json.dumps(self.ledger.options, sort_keys=True)
        return f"{self.ledger.type} {options} {self.manifest.owner} {self.manifest.path}"

    @property
    def _ledger_file(self) -> str:
        return str(self.ledger.options["path"]) if self.ledger.type == SQLITE else ""


def open_workspace(
    named: str | None, context: RunContext, *, ledger: LedgerName | None, policies: tuple[Policy, ...] = ()
) -> Workspace:
    """Return the named manifest, or the default one, read and checked.

    Raises InputError if there is none, ManifestError with every problem in it.
    """
    return load_workspace(read_input(find_manifest(named, context), context), context, ledger=ledger, policies=policies)


def open_workspaces(
    named: Sequence[str], context: RunContext, *, ledger: LedgerName | None, policies: tuple[Policy, ...] = ()
) -> tuple[Workspace, ...]:
    """Return a workspace for each named manifest, read and checked, in that order.

    Raises InputError if two would interfere with each other; ManifestError with every problem of all of them.
    """
    return load_workspaces([read_input(name, context) for name in named], context, ledger=ledger, policies=policies)


def load_workspaces(
    sources: Sequence[Input], context: RunContext, *, ledger: LedgerName | None, policies: tuple[Policy, ...] = ()
) -> tuple[Workspace, ...]:
    """Return the workspaces of manifests that were read. Raises as `open_workspaces` does."""
    workspaces: list[Workspace] = []
    problems: list[Problem] = []
    for source in sources:
        try:
            workspaces.append(load_workspace(source, context, ledger=ledger, policies=policies))
        except ManifestError as error:
            problems += error.problems
    if problems:
        raise ManifestError(tuple(problems))
    require_separate(workspaces)
    return tuple(workspaces)


def find_conflicts(sources: Sequence[Input], context: RunContext, policies: tuple[Policy, ...]) -> tuple[Problem, ...]:
    """Return why manifests that are each sound cannot be used together; nothing if one of them is not."""
    try:
        workspaces = [load_workspace(source, context, ledger=None, policies=policies) for source in sources]
    except ManifestError:
        return ()
    try:
        require_separate(workspaces)
    except ManifestError as error:
        return error.problems
    return ()


def _refuse(manifest: str, message: str, *, advice: str) -> ManifestError:
    """Return the error of a manifest that does not go together with another one."""
    problem = Problem(file=manifest, line=1, column=1, message=message, rule="manifest/conflict", advice=advice)
    return ManifestError((problem,))


def require_separate(workspaces: Sequence[Workspace]) -> None:
    """Return if no two manifests interfere, as far as that shows offline. Raises ManifestError otherwise."""
    by_ledger: dict[str, Workspace] = {}
    owners = _Owners()
    for workspace in workspaces:
        name = workspace.manifest.path
        if (other := by_ledger.setdefault(workspace.ledger_id, workspace)) is not workspace:
            raise _refuse(
                name,
                f"{other.manifest.path} and {name} would share the ledger {workspace.ledger_name}",
                advice="put each manifest in a folder of its own, and leave out --ledger",
            )
        for provider in workspace.manifest.providers:
            owners.add(name, workspace.manifest.identity, str(replace(provider, name=ONLY_PROVIDER)))


def require_separate_owners(plans: Iterable[Plan], workspaces: Sequence[Workspace]) -> None:
    """Return if no two manifests own the keys of one account. Raises ManifestError otherwise.

    Plans say where the provider is, however a manifest spells it; a plan's workspace is found by its manifest.
    """
    manifests = {workspace.manifest.path: workspace.manifest for workspace in workspaces}
    owners = _Owners()
    for plan in plans:
        manifest = manifests[plan.manifest]
        urls = {ONLY_PROVIDER: plan.provider, **plan.further_providers}
        accounts = [f"{urls[provider.name]} {provider.credential}" for provider in manifest.providers]
        if len(set(accounts)) < len(accounts):
            raise _refuse(
                plan.manifest,
                f"two of its providers are one account: {', '.join(sorted(urls.values()))}",
                advice="remove one of them, and name the other in its declarations",
            )
        for account in accounts:
            owners.add(plan.manifest, manifest.identity, account)


class _Owners:
    """Which manifest owns the keys of which account."""

    def __init__(self) -> None:
        self._known: dict[tuple[str, str], dict[ManifestId, str]] = {}

    def add(self, manifest: str, identity: Identity, account: str) -> None:
        """Note a manifest. Raises ManifestError if another one owns the keys already."""
        known = self._known.setdefault((identity.owner, account), {})
        for other_id, other in known.items():
            # An id distinguishes two manifests of one owner, if both have one.
            if other != manifest and (identity.id == other_id or not identity.id or not other_id):
                raise _refuse(
                    manifest,
                    f"{other} and {manifest} have the same owner at the same provider, and no different ids",
                    advice="give each an id of its own, or its own owner, or make one manifest of them",
                )
        known.setdefault(identity.id, manifest)


def load_workspace(
    source: Input, context: RunContext, *, ledger: LedgerName | None, policies: tuple[Policy, ...] = ()
) -> Workspace:
    """Return the manifest in a file that was read. Raises ManifestError with every problem in it."""
    return make_workspace(read_manifest(source, policies), source.folder, context, ledger=ledger, policies=policies)


def make_workspace(
    manifest: Manifest,
    folder: Path,
    context: RunContext,
    *,
    ledger: LedgerName | None,
    policies: tuple[Policy, ...] = (),
) -> Workspace:
    """Return the workspace of a manifest in a folder; the path of a named ledger starts at the working directory.

    Raises ManifestError with what the policies do not allow the manifest to name, else with all other problems.
    """
    # First of all: nothing that the manifest names may be touched before the policies allow it.
    if forbidden := judge(manifest, folder, policies):
        raise ManifestError(forbidden)
    # Here and not where it is planned, so that every command refuses what `validate` does, before its first request.
    if problems := find_manifest_problems(manifest, folder):
        raise ManifestError(problems)
    context.wiring.keep_secrets(manifest)
    rules, asked = list_rules(policies), find_asked(policies)
    held = replace(manifest, policies=(*manifest.policies, *rules)) if rules else manifest
    chosen = choose_ledger(manifest, folder, ledger or None, start=context.folder)
    return Workspace(
        manifest=held,
        folder=folder,
        ledger=chosen,
        asks_sinks=asked.sinks,
        # A ledger that the operator names is the operator's choice, and a file is judged by its folder.
        asks_ledger=asked.shared_ledger or bool(ledger) or chosen.type == SQLITE,
    )


def set_lease(workspace: Workspace, lease: timedelta | None) -> Workspace:
    """Return a workspace whose locks are held that long without a renewal; None leaves it to the manifest."""
    return replace(workspace, ledger=replace(workspace.ledger, lease=lease)) if lease else workspace


def set_preflight(workspaces: Iterable[Workspace], *, is_preflight: bool) -> tuple[Workspace, ...]:
    """Return the workspaces, which are planned with or without asking sinks what is in the way of a write."""
    return tuple(replace(workspace, is_preflight=is_preflight) for workspace in workspaces)


def use_ledger(workspace: Workspace, named: str, context: RunContext) -> Workspace:
    """Return a workspace on the ledger that a path or a URL means; `manifest` stands for the one that it has.

    Raises InputError if no installed ledger reads the URL.
    """
    if named == "manifest":
        return workspace
    return replace(workspace, ledger=read_ledger_name(named, start=context.folder, lease=workspace.ledger.lease))


@contextmanager
def open_provider(wiring: Wiring, workspace: Workspace) -> Iterator[ProviderPorts]:
    """Yield the manifest's provider, or several as one, and close the connections afterwards."""
    manifest = workspace.manifest
    with ExitStack() as opened:
        yield open_ports(
            manifest,
            lambda settings: wiring.provider(settings, lineage=manifest.lineage, folder=workspace.folder),
            opened.callback,
        )


def open_one_provider(wiring: Wiring, workspace: Workspace, settings: ProviderSettings) -> ProviderPorts:
    """Return one of the manifest's providers, as it is among all of them; the caller closes it."""
    labels = label_providers(workspace.manifest)
    with name_failures(labels.get(settings.name, "")):
        ports = wiring.provider(settings, lineage=workspace.manifest.lineage, folder=workspace.folder)
    if not labels:
        return ports
    from keyplan.app.provider_router import qualify_ports  # noqa: PLC0415 - 4 ms, which one provider spares

    return qualify_ports(ports, settings.name, labels)


@contextmanager
def open_ledger_reader(wiring: Wiring, workspace: Workspace) -> Iterator[LedgerReader]:
    """Yield the manifest's ledger, only to be read."""
    with open_provider(wiring, workspace) as provider:
        yield read_only_ledger(wiring, workspace, provider)


@contextmanager
def open_ledger(wiring: Wiring, workspace: Workspace) -> Iterator[Ledger]:
    """Yield the manifest's ledger, unlocked."""
    with open_provider(wiring, workspace) as provider:
        yield _ledger(wiring, workspace, provider)


@contextmanager
def open_workbench(
    wiring: Wiring, workspace: Workspace, *, command: str, lock_timeout: timedelta, say: Callable[[str], None]
) -> Iterator[Workbench]:
    """Yield all ports that an apply uses, while the ledger's lock is held. `say` gets whose lock is waited for.

    Raises InputError, SinkError, LedgerError; LedgerLockedError when `lock_timeout` is over.
    """
    with open_provider(wiring, workspace) as provider:
        sinks = wiring.sinks(workspace.manifest, folder=workspace.folder)
        ledger = _ledger(wiring, workspace, provider)
        held = ledger.holder() if lock_timeout else None
        if held:
            say(f"waiting up to {write_duration(lock_timeout)} for the lock of {describe_holder(held)}")
        length = workspace.ledger.lease
        with ledger.lock(wiring.holder(command), patience=lock_timeout, lease=length) as lease:
            yield Workbench(
                reader=provider.reader,
                writer=provider.writer,
                sinks=sinks,
                ledger=ledger,
                clock=wiring.clock,
                runner=_make_runner(lease.holder, length),
                lease=lease,
                values=workspace.values,
            )


def _make_runner(holder: Holder, lease: timedelta) -> Runner:
    """Return the holder of the lock as the intents of its run name it."""
    return Runner(
        # The number as well: one process may hold the lock several times.
        run=f"{holder.id}-{holder.number}",
        user=holder.owner,
        host=holder.host,
        command=holder.command,
        lease=lease,
        number=holder.number,
    )


def read_only_ledger(wiring: Wiring, workspace: Workspace, provider: ProviderPorts | ReaderPorts) -> LedgerReader:
    """Return the manifest's ledger, only to be read; a stand-in if it is not to be asked."""
    if not workspace.asks_ledger:
        return UnaskedLedger()
    return wiring.ledger_reader(
        workspace.ledger, lineage=workspace.manifest.lineage, folder=workspace.folder, account=provider.reader.base_url
    )


def read_only_sinks(wiring: Wiring, workspace: Workspace) -> Mapping[SinkName, SinkReader]:
    """Return the manifest's sinks, only to be read; stand-ins if they are not to be asked."""
    if not workspace.asks_sinks:
        return make_unasked_sinks(workspace.manifest)
    return wiring.sinks(workspace.manifest, folder=workspace.folder)


def _ledger(wiring: Wiring, workspace: Workspace, provider: ProviderPorts) -> Ledger:
    return wiring.ledger(
        workspace.ledger, lineage=workspace.manifest.lineage, folder=workspace.folder, account=provider.reader.base_url
    )

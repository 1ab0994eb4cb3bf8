"""Makes manifests of the keys that exist, so that a grown account can be taken over; nothing here changes a key.

What the manifest's own reader would refuse is never declared: the text that is written is read again.
"""

from __future__ import annotations

from collections.abc import Callable, Collection, Iterable, Mapping, Sequence
from contextlib import ExitStack, closing
from dataclasses import dataclass, replace
from datetime import datetime
from enum import Enum
from pathlib import Path

from keyplan.app import registry
from keyplan.app.allow import find_forbidden
from keyplan.app.context import RunContext
from keyplan.app.files import Input, read_input, read_manifest, read_manifest_with_problems
from keyplan.app.identity import new_manifest_id, to_slug
from keyplan.app.provider_ports import open_ports
from keyplan.app.several_providers import label_providers
from keyplan.applier.route import find_provider, reader_at
from keyplan.applier.scope_survey import SpaceLister, list_further_spaces, merge_keys, walk_spaces
from keyplan.documents import schemas
from keyplan.errors import ManifestError, Problem
from keyplan.manifest.writer import render_manifest
from keyplan.model.export import ExportedKey, ExportedManifest
from keyplan.model.identity import ONLY_PROVIDER, KeyId, ManifestId, ProviderName, ScopeId, unqualify
from keyplan.model.laws import KeyForm
from keyplan.model.manifest import Json, KeyType, ProviderSettings, ScopeById, ScopeByName, ScopeRef
from keyplan.model.observation import Observation, Scope, ScopeSurvey
from keyplan.model.policy import Policy
from keyplan.model.texts import selects
from keyplan.ports import KeyReader, ProviderPorts
from keyplan.sinks.templates import to_path_part

_LONGEST_OWNER = 63
_SPACE = "space"


class SplitBy(Enum):
    """What the keys of one manifest have in common."""

    SPACE = "space"
    CREATOR = "creator"


@dataclass(frozen=True, slots=True, kw_only=True)
class ExportFilter:
    """Which keys to export; the default takes every active key."""

    key_type: KeyType | None = None
    spaces: tuple[str, ...] = ()
    """Names; then only service keys of these."""
    names: tuple[str, ...] = ()
    """Globs; a key whose name fits one of them passes. Empty: every name."""
    creators: frozenset[str] = frozenset()
    """User ids; empty: every creator."""
    provider: ProviderName = ONLY_PROVIDER
    """Where the spaces are."""
    no_space: bool = False
    """Whether there are spaces, all of them at another provider."""

    def takes(self, key: Observation, scope_ids: Collection[ScopeId]) -> bool:
        """Whether a key passes. `scope_ids` are those of `spaces`."""
        if self.key_type not in (None, key.key_type) or (self.creators and key.created_by not in self.creators):
            return False
        if self.no_space:
            return False
        if self.spaces and not (key.scope_ids or frozenset()) & set(scope_ids):
            return False
        return not self.names or any(selects(pattern, key.name, ()) for pattern in self.names)


@dataclass(frozen=True, slots=True, kw_only=True)
class AccountKeys:
    """What an account shows of its keys."""

    base_url: str
    now: datetime
    keys: tuple[Observation, ...]
    """Active ones, sorted by id."""
    spaces: tuple[Scope, ...]
    own_keys: frozenset[KeyId]
    """Those that can be the credential in use."""
    survey: ScopeSurvey | None
    """In which spaces keys were looked for; None if the provider cannot list them."""
    settings: ProviderSettings | None = None
    """Of the manifest that names the provider; None if the environment does."""
    forms: tuple[KeyForm, ...] | None = None
    """Which of its keys can be declared; None for the fields of Arize."""
    further: tuple[AccountKeys, ...] = ()
    """Of the other providers of a manifest with several."""

    @property
    def all(self) -> tuple[AccountKeys, ...]:
        """This account and the further ones."""
        return (self, *self.further)


@dataclass(frozen=True, slots=True, kw_only=True)
class ManifestText:
    """A manifest that can be written."""

    manifest: ExportedManifest
    text: str

    @property
    def declared(self) -> int:
        """How many keys it declares."""
        return sum(entry.is_declared for entry in self.manifest.keys)


def survey_account(provider: ProviderPorts, wanted: ExportFilter, now: datetime) -> AccountKeys:
    """Return the account's keys that pass the filter, and close the provider.

    Raises:
        InputError: A space is unknown.
        ProviderError: The provider cannot be read.
    """
    with closing(provider):
        return _survey(provider.reader, wanted, now)


def survey_manifest(
    context: RunContext, named: str, wanted: ExportFilter, *, policies: tuple[Policy, ...] = ()
) -> AccountKeys:
    """Return the keys of each provider that a manifest names, as `survey_account` does.

    Of the spaces, those of a further provider have its name before theirs. Raises ManifestError with every problem in
    the manifest, and with what the policies do not allow it to name.
    """
    source = read_input(named, context)
    manifest = read_manifest(source, policies)
    if forbidden := find_forbidden(manifest, source.folder, policies):
        raise ManifestError(forbidden)
    now, labels = context.wiring.clock.now(), label_providers(manifest)
    context.wiring.keep_secrets(manifest)
    with ExitStack() as opened:
        ports = open_ports(
            manifest,
            lambda settings: context.wiring.provider(settings, lineage=manifest.lineage, folder=source.folder),
            opened.callback,
        )
        first, *others = (
            replace(
                _survey(reader_at(ports.reader, one.name), _narrow(wanted, one.name, labels), now),
                settings=one,
                forms=registry.find_key_forms(one.type),
            )
            for one in manifest.providers
        )
    return replace(first, further=tuple(others))


def _narrow(wanted: ExportFilter, name: ProviderName, labels: Mapping[ProviderName, str]) -> ExportFilter:
    """Return what is looked for at one provider: of the spaces, its own."""
    mine = tuple(space for space in wanted.spaces if find_provider(space, labels) == name)
    return replace(wanted, spaces=mine, no_space=bool(wanted.spaces) and not mine, provider=name)


def _survey(reader: KeyReader, wanted: ExportFilter, now: datetime) -> AccountKeys:
    keys = reader.search_keys(key_type=None, active=True, scope_id=None)
    spaces, survey = list_further_spaces(reader, ()), None
    if spaces is not None:
        found, survey = walk_spaces(reader, spaces)
        keys = merge_keys(found, keys)
    references = [ScopeByName(unqualify(wanted.provider, name), wanted.provider) for name in wanted.spaces]
    named = reader.find_scopes(references)
    scope_ids = {space.id for space in named.values()}
    taken = tuple(key for key in keys if wanted.takes(key, scope_ids))
    return AccountKeys(
        base_url=reader.base_url,
        now=now,
        keys=taken,
        spaces=spaces or tuple(named.values()) or (_list_scopes(reader) if spaces is None else ()),
        own_keys=_find_own(taken, reader),
        survey=survey,
    )


def _list_scopes(reader: KeyReader) -> tuple[Scope, ...]:
    """Return the scopes of a provider whose listing holds the keys of all of them already."""
    return reader.list_scopes() if isinstance(reader, SpaceLister) and reader.laws().shows_scopes else ()


def _find_own(keys: Iterable[Observation], reader: KeyReader) -> frozenset[KeyId]:
    return frozenset(key.id for key in keys if key.redacted and reader.presents(key.redacted))


def make_manifests(
    account: AccountKeys,
    *,
    owner: str,
    provider: Mapping[str, Json],
    split_by: SplitBy | None,
    make_id: Callable[[], ManifestId] = new_manifest_id,
) -> tuple[ManifestText, ...]:
    """Return one manifest of all keys, or one for each group of them, by folder; of no keys one, or none if split."""
    groups: dict[str, list[ExportedKey]] = {} if split_by else {"": []}
    for entry in (entry for one in account.all for entry in choose_declarations(one)):
        groups.setdefault(_name_group(entry, split_by), []).append(entry)
    owners = _name_owners(owner, groups)
    return tuple(
        _write(
            ExportedManifest(
                owner=owners[group],
                id=make_id(),
                keys=tuple(groups[group]),
                provider=provider,
                providers=tuple(one.settings for one in account.all if one.settings),
                folder=to_path_part(group) if group else "",
            ),
            account,
        )
        for group in sorted(groups)
    )


def choose_declarations(account: AccountKeys) -> tuple[ExportedKey, ...]:
    """Return an entry for each key, in the order of types, spaces and names; the newest of one address is declared."""
    names = _count_names(account.spaces)
    entries = [_choose(key, account, names) for key in account.keys]
    newest: dict[tuple[str, ...], ExportedKey] = {}
    for entry in entries:
        if entry.is_declared:
            other = newest.setdefault(_name(entry), entry)
            newest[_name(entry)] = max(other, entry, key=_rank)
    chosen = [_withhold_older(entry, newest[_name(entry)]) if entry.is_declared else entry for entry in entries]
    return tuple(sorted(chosen, key=lambda entry: (_name(entry), not entry.is_declared, entry.key.id)))


def _choose(key: Observation, account: AccountKeys, names: Mapping[str, int]) -> ExportedKey:
    space, form = None, _find_form(key, account)
    if key.key_type is KeyType.SERVICE:
        space = _find_space(key, account.spaces, names)
        if form and isinstance(space, ScopeById):
            space = None
    return ExportedKey(
        key=key,
        space=space,
        scope_field=form.scope_field if form else _SPACE,
        provider=key.provider,
        obstacle=_find_obstacle(key, space, account),
    )


def _find_form(key: Observation, account: AccountKeys) -> KeyForm | None:
    return next((form for form in account.forms or () if form.key_type is key.key_type), None)


def _find_obstacle(key: Observation, space: ScopeRef | None, account: AccountKeys) -> str:
    """Return why a key can't be declared, half a sentence; empty if it can, as far as it alone decides."""
    if key.id in account.own_keys:
        return "it is the credential that keyplan uses"
    if key.marker is not None:
        return f"the manifest of owner {key.marker.identity} manages it"
    if not key.is_live(account.now):
        return "it has expired"
    if key.key_type is None:
        return "its type is unknown to this version of keyplan"
    return _find_misfit(key, space, account)


def _find_misfit(key: Observation, space: ScopeRef | None, account: AccountKeys) -> str:
    """Return why no declaration of the provider's has the form of a key; empty if one has."""
    if account.forms is None:
        if key.key_type is KeyType.SERVICE and space is None and key.access is None:
            return (
                "the provider does not show its space" if not key.scope_ids else "the provider does not show its roles"
            )
        return ""
    form = _find_form(key, account)
    if form is None:
        return "no manifest can declare keys of this type for this provider"
    if form.scope_field and space is None:
        return f"its {form.scope_field.replace('_', ' ')} is not known by a name of its own"
    return ""


def _find_space(key: Observation, spaces: Iterable[Scope], names: Mapping[str, int]) -> ScopeRef | None:
    """Return how to declare the one space of a service key: by its name if no other space has that; else by its id."""
    scope_ids = set(key.access.scope_ids() if key.access else key.scope_ids or ())
    if len(scope_ids) != 1:
        return None
    (space_id,) = scope_ids
    name = next((space.name for space in spaces if space.id == space_id), "")
    return ScopeByName(name) if names.get(name) == 1 else ScopeById(space_id)


def _count_names(spaces: Iterable[Scope]) -> Mapping[str, int]:
    counts: dict[str, int] = {}
    for space in spaces:
        counts[space.name] = counts.get(space.name, 0) + 1
    return counts


def _withhold_older(entry: ExportedKey, newest: ExportedKey) -> ExportedKey:
    if entry is newest:
        return entry
    return replace(entry, obstacle=f"key {newest.key.id} has the same type, name and space, and is newer")


def _name(entry: ExportedKey) -> tuple[str, ...]:
    """Return what makes the address of a declaration."""
    kind = entry.key.key_type.value if entry.key.key_type else ""
    return entry.provider, kind, *_list_spaces(entry), entry.key.name


def _list_spaces(entry: ExportedKey) -> tuple[str, ...]:
    if entry.key.key_type is not KeyType.SERVICE:
        return ()
    if entry.space is not None:
        return (str(entry.space),)
    granted = entry.key.access.organizations if entry.key.access else ()
    return (granted[0].spaces[0].space_id if granted and granted[0].spaces else "",)


def _rank(entry: ExportedKey) -> tuple[datetime, str]:
    return entry.key.created_at, entry.key.id


def _name_group(entry: ExportedKey, split_by: SplitBy | None) -> str:
    match split_by:
        case SplitBy.SPACE:
            return next(iter(_list_spaces(entry)), "") or _name_kind(entry)
        case SplitBy.CREATOR:
            return entry.key.created_by or "unknown"
        case None:
            return ""


def _name_kind(entry: ExportedKey) -> str:
    """Return the group of keys without a space: `user-keys`."""
    kind = entry.key.key_type
    return "user-keys" if kind is None or kind is KeyType.SERVICE else f"{kind.value}-keys"


def _name_owners(owner: str, groups: Collection[str]) -> Mapping[str, str]:
    """Return an owner for each group, no two of them the same."""
    owners: dict[str, str] = {}
    for group in sorted(groups):
        stem = f"{owner}-{to_slug(group) or 'keys'}"[:_LONGEST_OWNER].rstrip("._-") if group else owner
        name, number = stem, 1
        while name in owners.values():
            number += 1
            name = f"{stem[: _LONGEST_OWNER - len(str(number)) - 1]}-{number}"
        owners[group] = name
    return owners


def _write(manifest: ExportedManifest, account: AccountKeys) -> ManifestText:
    """Return a manifest that its own reader accepts: what that refuses is no longer declared."""
    while True:
        text, starts = render_manifest(
            manifest, base_url=_name_addresses(account), now=account.now, modeline=schemas.modeline()
        )
        problems = _read_again(text)
        refused = {_find_entry(problem, starts): problem for problem in problems}
        withheld = tuple(
            replace(entry, obstacle=refused[number].message) if number in refused and entry.is_declared else entry
            for number, entry in enumerate(manifest.keys)
        )
        if withheld == manifest.keys:
            return ManifestText(manifest=manifest, text=text)
        manifest = replace(manifest, keys=withheld)


def _name_addresses(account: AccountKeys) -> str:
    return " and ".join(
        f"{one.settings.label} ({one.base_url})" if one.settings and account.further else one.base_url
        for one in account.all
    )


def _read_again(text: str) -> Sequence[Problem]:
    try:
        return read_manifest_with_problems(Input(name="keys.yaml", folder=Path(), content=text.encode()))[1]
    except ManifestError as error:
        return error.problems


def _find_entry(problem: Problem, starts: Sequence[int]) -> int:
    """Return the number of the key in whose lines a problem is; -1 if it is above all of them."""
    return sum(start <= problem.line for start in starts) - 1

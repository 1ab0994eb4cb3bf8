"""Holds what a manifest names outside itself against the `allow` of policies, before any of it is touched.

Of the disk, only what lies in a folder that a policy names is looked at. No connection is made, no program run, no
variable read.
"""

from __future__ import annotations

import re
from collections.abc import Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import assert_never

from keyplan.app.references import (
    NO_ADDRESS,
    NamedCredential,
    NamedOption,
    NamedOwner,
    NamedUrl,
    PluginUse,
    Reference,
    list_references,
    read_secret,
)
from keyplan.app.store_entries import EntryCheck, is_file_of, names_exactly
from keyplan.errors import Problem
from keyplan.model.globs import fits_name, fits_url, split_path
from keyplan.model.identity import Address
from keyplan.model.manifest import FromCommand, FromEnvironment, FromFile, Json, LedgerSettings, Manifest, SecretSource
from keyplan.model.place import Place
from keyplan.model.policy import (
    Allow,
    AllowedSource,
    AllowedStore,
    AllowRule,
    FromProfile,
    OptionAccess,
    Policy,
    SourceKind,
)
from keyplan.model.quotes import escape, quote
from keyplan.system.links import LinkResolver

_MAY_RUN = frozenset({OptionAccess.MODULE, OptionAccess.PROFILE})
_OPERATORS = "KEYPLAN_"
"""How variables begin that only the operator sets for keyplan."""


def find_forbidden(manifest: Manifest, folder: Path, policies: Iterable[Policy]) -> tuple[Problem, ...]:
    """Return what the manifest names and a policy does not allow, in file order, each once.

    `folder` is the manifest's, where its paths start.
    """
    links = LinkResolver(str(folder))
    checks = [_AllowCheck(policy=policy, allow=policy.allow, links=links) for policy in policies if policy.allow]
    if not checks:
        return ()
    references = list(list_references(manifest))
    found = dict.fromkeys(problem for check in checks for one in references for problem in check.judge(one))
    return tuple(sorted(found, key=manifest.order_of))


@dataclass(frozen=True, slots=True, kw_only=True)
class _AllowCheck:
    """One policy, and the references of one manifest."""

    policy: Policy
    allow: Allow
    links: LinkResolver

    def judge(self, reference: Reference) -> Iterator[Problem]:
        """Yield why the policy does not allow a reference."""
        match reference:
            case NamedUrl():
                yield from self._judge_url(reference)
            case NamedCredential():
                yield from self._judge_credential(reference)
            case NamedOwner():
                yield from self._judge_owner(reference)
            case PluginUse():
                yield from self._judge_use(reference)
            case _:
                assert_never(reference)

    def _judge_url(self, named: NamedUrl) -> Iterator[Problem]:
        allowed = self.allow.base_urls
        if allowed is None or (named.url is not None and any(fits_url(one, named.url) for one in allowed)):
            return
        fact = (
            f"the location of the API of {named.named} is not known to keyplan, so it can't be allowed"
            if named.url is None
            else f"{named.named} means {quote(named.url)}, which is not allowed"
        )
        advice = _list_allowed(allowed) if named.url is not None else ""
        yield self._refuse(AllowRule.BASE_URLS, fact, _Spot(named.place), advice)

    def _judge_credential(self, named: NamedCredential) -> Iterator[Problem]:
        yield from self._judge_source(
            named.source, AllowRule.CREDENTIALS, self.allow.credentials, named.named, _Spot(named.place)
        )

    def _judge_owner(self, named: NamedOwner) -> Iterator[Problem]:
        allowed = self.allow.owners
        if allowed is not None and not any(fits_name(glob, named.owner) for glob in allowed):
            fact = f"{named.named} {quote(named.owner)} is not allowed"
            yield self._refuse(AllowRule.OWNERS, fact, _Spot(named.place), _list_allowed(allowed))

    def _judge_use(self, use: PluginUse) -> Iterator[Problem]:
        rule, entries = self._find_entries(use)
        if entries is not None:
            yield from self._judge_entries(use, rule, entries)
        for option in use.named_options:
            yield from self._judge_option(use, option, entries)
        if entries is None and self.allow.secrets is not None:
            for source in use.unnamed_secrets:
                yield from self._judge_unnamed(use, source, self.allow.secrets)

    def _find_entries(self, use: PluginUse) -> tuple[AllowRule, Sequence[AllowedStore] | None]:
        if use.kind == "sink":
            return AllowRule.SINKS, self.allow.sinks
        if use.kind == "ledger" and self.allow.ledgers is not None:
            # The default ledger is what every manifest has that says nothing.
            return AllowRule.LEDGERS, (*self.allow.ledgers, AllowedStore(type=LedgerSettings().type))
        return AllowRule.LEDGERS, None

    def _judge_entries(self, use: PluginUse, rule: AllowRule, entries: Sequence[AllowedStore]) -> Iterator[Problem]:
        judged = [
            list(
                EntryCheck(
                    use=use, entry=entry, links=self.links, judges_secrets=self.allow.secrets is not None
                ).find_misfits()
            )
            for entry in entries
            if entry.type == use.type
        ]
        if not judged:
            fact = f"{use.title} is of type {quote(use.type)}, which is not allowed"
            known = sorted({entry.type for entry in entries})
            yield self._refuse(rule, fact, _Spot(use.place_of("type")), _list_allowed(known))
            return
        # The entry that was probably meant is the one that fits best.
        for misfit in min(judged, key=len):
            fact = f"{_name_option(use, misfit.path)} {misfit.message}"
            yield self._refuse(rule, fact, _Spot.of_option(use, misfit.path), "")

    def _judge_option(
        self, use: PluginUse, option: NamedOption, entries: Sequence[AllowedStore] | None
    ) -> Iterator[Problem]:
        spot, named = _Spot.of_option(use, option.path), _name_option(use, option.path)
        if not option.accesses:
            if entries is None:
                yield from self._judge_silent(use, named, spot)
        elif OptionAccess.SECRET in option.accesses:
            yield from self._judge_secret(option, named, spot)
        elif self._may_run(use, option, entries or ()):
            yield self._refuse(AllowRule.COMMANDS, f"{named} can make a program run, which is not allowed", spot, "")
        elif not all(self._leads_inside(text, option, entries) for text in _list_texts(option.value)):
            fact = f"{named}, {quote(str(option.value))}, leads into no allowed folder"
            yield self._refuse(AllowRule.FOLDERS, fact, spot, _list_allowed(self.allow.folders or ()))

    def _judge_silent(self, use: PluginUse, named: str, spot: _Spot) -> Iterator[Problem]:
        """Yield that the option of a plugin of others can't be judged, if an item is given that could concern it."""
        given = {
            AllowRule.COMMANDS: self.allow.commands is False,
            AllowRule.FOLDERS: self.allow.folders is not None,
            AllowRule.SECRETS: self.allow.secrets is not None,
            AllowRule.BASE_URLS: self.allow.base_urls is not None and use.kind == "provider",
        }
        for rule in [rule for rule, is_given in given.items() if is_given][:1]:
            fact = f"{named} does not say what it names, so that it can't be allowed"
            advice = f"name it in an entry under {use.kind}s of the policy" if use.kind != "provider" else ""
            yield self._refuse(rule, fact, spot, advice)

    def _judge_secret(self, option: NamedOption, named: str, spot: _Spot) -> Iterator[Problem]:
        source = read_secret(option.value)
        if source is not None:
            yield from self._judge_source(source, AllowRule.SECRETS, self.allow.secrets, named, spot)
        elif self.allow.secrets is not None:
            yield self._refuse(AllowRule.SECRETS, f"{named} does not say where a secret stands", spot, "")

    def _judge_unnamed(
        self, use: PluginUse, source: SecretSource, allowed: Sequence[AllowedSource]
    ) -> Iterator[Problem]:
        # What the operator sets for keyplan alone is the operator's word.
        is_operators = isinstance(source, FromEnvironment) and source.name.startswith(_OPERATORS)
        if not is_operators and not any(self._covers(one, source) for one in allowed):
            fact = f"{use.title} uses the secret {quote(_describe(source))}, which is not allowed"
            yield self._refuse(AllowRule.SECRETS, fact, _Spot(use.place_of()), _list_sources(allowed))

    def _judge_source(
        self,
        source: SecretSource | FromProfile,
        rule: AllowRule,
        allowed: Sequence[AllowedSource] | None,
        named: str,
        spot: _Spot,
    ) -> Iterator[Problem]:
        shown = quote(_describe(source))
        if isinstance(source, FromCommand) and self.allow.commands is False:
            yield self._refuse(AllowRule.COMMANDS, f"{named} runs a program, which is not allowed", spot, "")
        elif allowed is not None:
            if not any(self._covers(one, source) for one in allowed):
                yield self._refuse(rule, f"{named} {shown} is not allowed", spot, _list_sources(allowed))
        elif isinstance(source, FromProfile) and self.allow.folders is not None:
            yield self._refuse(AllowRule.FOLDERS, f"{named} {shown} lies in no allowed folder", spot, "")
        elif isinstance(source, FromFile) and not self._is_inside(source.path):
            fact = f"{named} {shown} leads into no allowed folder"
            yield self._refuse(AllowRule.FOLDERS, fact, spot, _list_allowed(self.allow.folders or ()))

    def _covers(self, allowed: AllowedSource, source: SecretSource | FromProfile) -> bool:
        match source:
            case FromProfile(name=name):
                return allowed.kind is SourceKind.PROFILE and fits_name(allowed.words[0], name)
            case FromEnvironment(name=name):
                return allowed.kind is SourceKind.ENV and fits_name(allowed.words[0], name)
            case FromFile(path=path):
                return allowed.kind is SourceKind.FILE and is_file_of(allowed.words[0], path, self.links)
            case FromCommand(argv=argv):
                return allowed.kind is SourceKind.COMMAND and allowed.words == argv
            case _:
                assert_never(source)

    def _may_run(self, use: PluginUse, option: NamedOption, entries: Sequence[AllowedStore]) -> bool:
        """Whether an option can make something run although no command may."""
        if self.allow.commands is not False:
            return False
        if OptionAccess.COMMAND in option.accesses:
            return True
        return bool(option.accesses & _MAY_RUN) and not names_exactly(entries, use, option.path[0])

    def _leads_inside(self, text: str, option: NamedOption, entries: Sequence[AllowedStore] | None) -> bool:
        """Whether an option leads into an allowed folder, or names no file."""
        if OptionAccess.FILE in option.accesses:
            return self._is_inside(text)
        # A URL of libpq names files, too: sockets before the question mark, keys and password files behind it.
        is_odd = OptionAccess.URL in option.accesses and not text.lower().startswith(("https://", "http://"))
        return not (is_odd and entries is None and self.allow.folders is not None and re.search("[?%]", text))

    def _is_inside(self, path: str) -> bool:
        if self.allow.folders is None:
            return True
        way = split_path(path, self.links.start)
        folders = [str(Path(self.links.start, one)) for one in self.allow.folders]
        return way is not None and self.links.stays_within(way, folders)

    def _refuse(self, rule: AllowRule, fact: str, spot: _Spot, advice: str) -> Problem:
        return spot.place.problem(
            f"{fact} ({self.policy.cite(rule)})", rule=rule.id, subject=spot.subject, advice=advice
        )


@dataclass(frozen=True, slots=True)
class _Spot:
    """Where a problem stands, and which address it is about."""

    place: Place
    subject: Address = NO_ADDRESS

    @classmethod
    def of_option(cls, use: PluginUse, path: tuple[str, ...]) -> _Spot:
        return cls(use.place_of(*path), use.subject_of(path[0]))


def _name_option(use: PluginUse, path: tuple[str, ...]) -> str:
    return f"option '{escape('.'.join(path))}' of {use.title}"


def _list_texts(value: Json) -> Iterator[str]:
    """Yield every text in a value."""
    if isinstance(value, str):
        yield value
    elif isinstance(value, Mapping):
        for inner in value.values():
            yield from _list_texts(inner)
    elif isinstance(value, Sequence):
        for inner in value:
            yield from _list_texts(inner)


def _list_sources(allowed: Sequence[AllowedSource]) -> str:
    return _list_allowed(list(map(str, allowed)))


def _list_allowed(allowed: Sequence[str]) -> str:
    return f"allowed are: {', '.join(map(quote, allowed))}" if allowed else "nothing is allowed here"


def _describe(source: SecretSource | FromProfile) -> str:
    match source:
        case FromProfile(name=name):
            return f"{{profile: {name}}}"
        case FromEnvironment(name=name):
            return f"{{env: {name}}}"
        case FromFile(path=path):
            return f"{{file: {path}}}"
        case FromCommand(argv=argv):
            # Its arguments may be secrets of their own.
            return f"{{command: [{argv[0] if argv else ''}, ...]}}"
        case _:
            assert_never(source)

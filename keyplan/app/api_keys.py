"""The functions of the Python API about keys that exist: what is known of one, all as a manifest, a takeover, a leak.

Nothing here changes a key at the provider.
"""

from __future__ import annotations

import os
from collections.abc import Iterable
from dataclasses import replace
from datetime import timedelta

from keyplan.app.api_session import masked, open_laid, open_named, read_named_policies
from keyplan.app.context import RunContext
from keyplan.app.export import ExportFilter, ManifestText, SplitBy, make_manifests, survey_account, survey_manifest
from keyplan.app.identity import is_owner
from keyplan.app.inspect import explain_subject
from keyplan.app.layers import NO_LAYERS, Layers
from keyplan.app.leak import find_leak as find_leak_at
from keyplan.app.list import open_named_provider
from keyplan.app.takeover import ImportedKey
from keyplan.app.takeover import import_key as import_key_at
from keyplan.errors import InputError
from keyplan.model.explanation import Explanation
from keyplan.model.leak import Leak
from keyplan.model.manifest import KeyType, Manifest
from keyplan.model.mask import hide

_AT_ONCE = timedelta(0)


@masked
def export_keys(
    owner: str,
    *,
    key_type: str | None = None,
    spaces: Iterable[str] = (),
    names: Iterable[str] = (),
    creators: Iterable[str] = (),
    split_by: str | None = None,
    manifest: str | os.PathLike[str] | None = None,
    base_url: str | None = None,
    region: str | None = None,
    api: str | None = None,
    policies: Iterable[str | os.PathLike[str]] = (),
    layers: Layers = NO_LAYERS,
    session: RunContext | None = None,
) -> tuple[ManifestText, ...]:
    """Return manifests of the keys that exist, each with its text: one, or with `split_by` one for each group.

    `owner` is the owner slug of the manifests. `key_type` is ``user`` or ``service``; `spaces` are names, `names`
    globs, `creators` ids of users; `split_by` is ``space`` or ``creator``. `base_url`, `region` and `api` replace what
    the environment says of the provider; with `manifest`, its providers are asked instead; `policies` and `layers` as
    in `plan`. Writes no file.

    Raises InputError for an unknown word or space, ManifestError, and ProviderError.
    """
    if not is_owner(owner):
        raise InputError(
            f"owner {owner!r} is not a valid owner: use 1 to 63 of a-z 0-9 . _ - and start with a letter or digit"
        )
    for word, name, known in ((key_type, "key_type", KeyType), (split_by, "split_by", SplitBy)):
        if word is not None and word not in (words := [one.value for one in known]):
            raise InputError(f"{name} {word!r} is unknown; known are: {', '.join(words)}")
    wanted = ExportFilter(
        key_type=KeyType(key_type) if key_type is not None else None,
        spaces=tuple(spaces),
        names=tuple(names),
        creators=frozenset(creators),
    )
    given = {"base_url": base_url, "region": region, "api": api}
    settings = {name: value for name, value in given.items() if value is not None}
    context = open_laid(session, layers)
    if manifest is not None:
        named = read_named_policies(policies, context)
        account = survey_manifest(context, os.fspath(manifest), wanted, policies=named)
    else:
        account = survey_account(open_named_provider(context, settings), wanted, context.wiring.clock.now())
    made = make_manifests(account, owner=owner, provider=settings, split_by=SplitBy(split_by) if split_by else None)
    return tuple(replace(one, text=hide(one.text)) for one in made)


@masked
def import_key(
    manifest: Manifest | str | os.PathLike[str],
    address: str,
    key_id: str,
    *,
    lock_timeout: timedelta = _AT_ONCE,
    policies: Iterable[str | os.PathLike[str]] = (),
    ledger: str | os.PathLike[str] | None = None,
    layers: Layers = NO_LAYERS,
    session: RunContext | None = None,
) -> ImportedKey:
    """Record that an existing key is the declaration's from now on; nothing changes at the provider or in a sink.

    Its raw key must be in every sink of the declaration already. `policies`, `ledger` and `layers` as in `plan`.

    Raises InputError if address or key is unknown, RefusedError if the key cannot be that declaration's,
    ProviderError, SinkError and LedgerError.
    """
    context = open_laid(session, layers)
    workspace = open_named(manifest, context, ledger, policies)
    return import_key_at(context, workspace, address, key_id, lock_timeout=lock_timeout)


@masked
def explain(
    manifest: Manifest | str | os.PathLike[str],
    subject: str,
    *,
    policies: Iterable[str | os.PathLike[str]] = (),
    ledger: str | os.PathLike[str] | None = None,
    preflight: bool = True,
    layers: Layers = NO_LAYERS,
    session: RunContext | None = None,
) -> Explanation:
    """Return what is known of an address or a key id, and what a plan does with it and why; changes nothing.

    `policies`, `ledger`, `preflight` and `layers` as in `plan`.

    Raises InputError, with near names, if nothing knows the subject, ProviderError, SinkError and LedgerError.
    """
    context = open_laid(session, layers)
    workspace = replace(open_named(manifest, context, ledger, policies), is_preflight=preflight)
    return explain_subject(context.wiring, workspace, subject)


@masked
def find_leak(
    manifest: Manifest | str | os.PathLike[str],
    text: str | bytes,
    *,
    policies: Iterable[str | os.PathLike[str]] = (),
    ledger: str | os.PathLike[str] | None = None,
    layers: Layers = NO_LAYERS,
    session: RunContext | None = None,
) -> Leak:
    """Return which keys of the account stand in a leaked text; changes nothing, and holds no piece of the text.

    The text is a raw key, a redacted form, or a whole log or diff of at most 4 MiB. A raw key in it that fits the
    redacted form of a live key is tried at the provider. `policies`, `ledger` and `layers` as in `plan`.

    Raises InputError for a text that is too large, ProviderError, SinkError and LedgerError.
    """
    context = open_laid(session, layers)
    workspace = open_named(manifest, context, ledger, policies)
    return find_leak_at(context, workspace, text.encode() if isinstance(text, str) else text).leak

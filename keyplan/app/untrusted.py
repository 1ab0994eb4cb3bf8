"""What `--untrusted` means: a manifest that was not reviewed is checked against a closed policy.

What neither that policy nor a policy file allows is refused before it is touched, and no sink and no shared ledger is
asked unless a policy file says which ones.
"""

from __future__ import annotations

import os
from collections.abc import Collection, Iterable, Iterator, Mapping, Sequence
from contextlib import suppress
from dataclasses import dataclass, fields, replace
from pathlib import Path
from typing import Any

from keyplan.app.context import RunContext
from keyplan.app.discovery import find_manifests
from keyplan.app.files import STDIN
from keyplan.errors import InputError, Problem
from keyplan.model.manifest import LedgerSettings, Manifest
from keyplan.model.policy import Allow, AllowedSource, Policy, SourceKind

UNTRUSTED = "--untrusted"
"""What the closed policy is called in messages, in the place of a file."""
CLOSED = Allow(
    base_urls=("https://api.arize.com", "https://api.*.arize.com"),
    credentials=(AllowedSource(kind=SourceKind.ENV, words=("ARIZE_API_KEY",)),),
    commands=False,
    folders=(".",),
    environment=(),
)
"""What an untrusted manifest may name, beside the host that the operator names. Sinks and ledgers are not asked."""
_ITEMS = tuple(field.name for field in fields(Allow) if field.name != "lines")


@dataclass(frozen=True, slots=True)
class Asked:
    """What a manifest's plan may ask beside the provider."""

    sinks: bool = True
    shared_ledger: bool = True


def close(policies: Iterable[Policy], environment: Mapping[str, str]) -> tuple[Policy, ...]:
    """Return the policies and the closed one, in which the items that they give take the place of the closed ones."""
    held = tuple(policies)
    given = {name for name in _ITEMS if any(getattr(one.allow, name, None) is not None for one in held)}
    closed: dict[str, Any] = {name: getattr(CLOSED, name) for name in _ITEMS}
    closed["base_urls"] = tuple(dict.fromkeys([*closed["base_urls"], *_find_operators_url(environment)]))
    return (*held, Policy(file=UNTRUSTED, allow=Allow(**{name: closed[name] for name in _ITEMS if name not in given})))


def find_asked(policies: Iterable[Policy]) -> Asked:
    """Return what may be asked under these policies: everything, unless the closed one is among them."""
    held = tuple(policies)
    if not any(one.file == UNTRUSTED for one in held):
        return Asked()
    allowed = [one.allow for one in held if one.allow]
    return Asked(
        sinks=any(one.sinks is not None for one in allowed),
        shared_ledger=any(one.ledgers is not None for one in allowed),
    )


def list_rules(policies: Iterable[Policy]) -> tuple[Policy, ...]:
    """Return the policies that users wrote."""
    return tuple(one for one in policies if one.file != UNTRUSTED)


def judge(manifest: Manifest, folder: Path, policies: Collection[Policy]) -> tuple[Problem, ...]:
    """Return what a manifest names and a policy does not allow, in file order, each once.

    The closed policy says nothing of sinks and ledgers that are not asked.
    """
    if not policies:
        return ()
    from keyplan.app.allow import find_forbidden  # noqa: PLC0415 - 4 ms, which a run without policies spares

    found = [*find_forbidden(manifest, folder, list_rules(policies))]
    closed = tuple(one for one in policies if one.file == UNTRUSTED)
    if closed:
        found += find_forbidden(_leave_out(manifest, find_asked(policies)), folder, closed)
    return tuple(sorted(dict.fromkeys(found), key=manifest.order_of))


def choose_manifests(
    named: Sequence[str],
    context: RunContext,
    exclude: Collection[str],
    policies: tuple[Policy, ...],
    *,
    is_untrusted: bool,
) -> tuple[tuple[str, ...], tuple[Policy, ...]]:
    """Return the names of the manifests that are meant, and the policies that hold for them.

    Raises InputError as `find_manifests` does; of untrusted ones also as `find_untrusted_manifests` does.
    """
    if not is_untrusted:
        return find_manifests(named, context, exclude), policies
    return find_untrusted_manifests(named, context, exclude), close(policies, context.environment)


def find_untrusted_manifests(
    named: Sequence[str], context: RunContext, exclude: Collection[str] = ()
) -> tuple[str, ...]:
    """Return what `find_manifests` does, without a manifest that a link leads to.

    A link can make keyplan read, and quote in messages, what the author of the link may not read. Raises InputError as
    `find_manifests` does, and if a named manifest is really elsewhere.
    """
    names = find_manifests(named, replace(context, follows_links=False), exclude)
    for name in names:
        if name != STDIN and _leads_away(name, context.folder):
            raise InputError(
                f"{name} is a link that leads elsewhere, which is not read with {UNTRUSTED}",
                advice="put the manifest itself there",
            )
    for name in context.layers.files:
        if _leads_away(name, context.folder):
            raise InputError(f"{name} is a link that leads elsewhere, which is not read with {UNTRUSTED}")
    return names


def _leads_away(name: str, folder: Path) -> bool:
    """Whether a relative name leads out of the folder that it starts from, or another one out of its own folder."""
    path = folder / name
    inside = path.parent if Path(name).is_absolute() or ".." in Path(name).parts else folder
    return not Path(os.path.realpath(path)).is_relative_to(os.path.realpath(inside))


def _leave_out(manifest: Manifest, asked: Asked) -> Manifest:
    """Return a manifest without what is not asked."""
    if not asked.sinks:
        keys = tuple(replace(declared, deliveries=()) for declared in manifest.keys)
        manifest = replace(manifest, sinks={}, keys=keys)
    if not asked.shared_ledger and manifest.ledger.type != LedgerSettings().type:
        manifest = replace(manifest, ledger=LedgerSettings())
    return manifest


def _find_operators_url(environment: Mapping[str, str]) -> Iterator[str]:
    from keyplan.providers.arize.base_url import find_base_url  # noqa: PLC0415 - takes 50 ms, for httpx

    # Variables that contradict each other name no host; opening the provider reports that.
    with suppress(InputError):
        yield find_base_url({}, environment)

"""Who needs a credential, for the message that it is missing: the setting to change, and the page about it.

No text of a credential is known here.
"""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass, field

from keyplan.app.registry import is_ours
from keyplan.errors import InputError
from keyplan.model.manifest import FromEnvironment, Json, SecretSource, SinkSettings

_SINKS = "keyplan.sinks"
_USUAL = {"vault": "auth"}
"""The option that names another credential, by the type of a sink that has one of its own if it names none."""


@dataclass(frozen=True, slots=True, kw_only=True)
class CredentialUser:
    """A part of a manifest that has a credential."""

    name: str
    setting: str
    """Where the manifest names the credential, if none of the options does."""
    page: str = ""
    """In the documentation; empty for a plugin of others."""
    options: Json = field(repr=False, default=None)

    def explain(self, error: InputError, source: SecretSource) -> InputError:
        """Return the error with the part that needs the credential, and with what to do."""
        setting = next(_find_options(self.options, source), self.setting)
        see = f" (see {self.page})" if self.page else ""
        fix = "set it" if isinstance(source, FromEnvironment) else "provide it"
        return InputError(
            f"{self.name}: {error.message}",
            advice=error.advice or f"{fix}, or name another credential with {setting}{see}",
        )


PROVIDER_USER = CredentialUser(
    name="the provider", setting="provider.credential (for drift: provider.reader_credential)", page="docs/manifest.md"
)
LEDGER_USER = CredentialUser(name="the ledger", setting="ledger.dsn", page="docs/ledgers.md")


def find_user(settings: SinkSettings) -> CredentialUser:
    """Return the user that a sink is."""
    usual = _USUAL.get(settings.type)
    return CredentialUser(
        name=f"sink '{settings.name}'",
        setting=f"the sink's option '{usual}'" if usual else "the sink's options",
        page=f"docs/sinks/{settings.type}.md" if is_ours(_SINKS, settings.type) else "",
        options=dict(settings.options),
    )


def _find_options(options: Json, source: SecretSource, path: str = "") -> Iterator[str]:
    """Yield the options that name a variable as the source."""
    if not isinstance(options, dict) or not isinstance(source, FromEnvironment):
        return
    if path and options.get("env") == source.name:
        yield f"the sink's option '{path}'"
    for name, value in options.items():
        yield from _find_options(value, source, f"{path}.{name}" if path else name)

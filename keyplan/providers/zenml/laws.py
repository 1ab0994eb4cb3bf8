"""What ZenML 0.98 allows and shows of the API keys of its service accounts (docs/providers/zenml.md)."""

from __future__ import annotations

from datetime import timedelta
from typing import Final

from keyplan.model.laws import KeyForm, Laws
from keyplan.model.manifest import KeyType

KEY_FORMS: Final = (KeyForm(key_type=KeyType.SERVICE, scope_field="service_account"),)
"""Keys as manifests declare them; their addresses are ``service/SERVICE_ACCOUNT/NAME``."""

ZENML_LAWS: Final = Laws(
    dialect="ZenML",
    key_types=frozenset({KeyType.SERVICE}),
    scope_word="service account",
    # A key has no expiry, so a rotation can neither extend nor name one.
    refresh_extends_life=True,
    refresh_needs_expiry=False,
    # The server takes any number of minutes. After a month, an old raw key is not in transition but forgotten; and
    # while it lives, another rotation would end it at once.
    longest_grace=timedelta(days=30),
    grace_step=timedelta(minutes=1),
    keeps_one_previous=True,
    takes_expiry=False,
    takes_organizations=False,
    takes_custom_roles=False,
    names_organizations=False,
    has_unique_names=True,
    editable=frozenset({"name", "description"}),
    shows_scopes=True,
    # Old and new raw key share one time of last use, which every verification moves.
    shows_last_use=False,
    shows_redacted=False,
    # Every change of a key asks for an admin user; a service account can only read.
    marks_prove_creator=True,
    listing_proves_absence=True,
)
"""The laws of every server; none has to be asked."""

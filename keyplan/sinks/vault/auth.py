"""How keyplan logs in to Vault or OpenBao: with a token, an AppRole, or a Kubernetes service account's JWT.

No credential is shown in an error or a repr.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any, TypeAlias

from keyplan.model.manifest import FromEnvironment, FromFile, SecretSource
from keyplan.model.secret import Credential
from keyplan.system.secrets import SECRET_SCHEMA, read_source

JWT_FILE = "/var/run/secrets/kubernetes.io/serviceaccount/token"
"""Where a pod finds its own (Kubernetes: Configure Service Accounts for Pods)."""
_TOKEN_VARIABLES = ("VAULT_TOKEN", "BAO_TOKEN")
_NEEDED: Mapping[str, tuple[str, ...]] = {
    "token": ("token",),
    "approle": ("role_id", "secret_id"),
    "kubernetes": ("role",),
}

AUTH_SCHEMA: Mapping[str, Any] = {
    "type": "object",
    "description": "How keyplan logs in; left out, with VAULT_TOKEN, BAO_TOKEN or ~/.vault-token.",
    "examples": [{"method": "kubernetes", "role": "keyplan"}],
    "properties": {
        "method": {"enum": ["token", "approle", "kubernetes"], "description": "Which auth method of Vault to use."},
        "token": {**SECRET_SCHEMA, "description": "For token."},
        "role_id": {
            "type": "string",
            "minLength": 1,
            "description": "For approle.",
            "x-access": "place",
            "examples": ["db02de05-fa39-4855-059b-67221c5c2f63"],
        },
        "secret_id": {**SECRET_SCHEMA, "description": "For approle."},
        "role": {
            "type": "string",
            "minLength": 1,
            "description": "For kubernetes: the role of the auth mount.",
            "examples": ["keyplan"],
            "x-access": "place",
        },
        "jwt": {**SECRET_SCHEMA, "default": {"file": JWT_FILE}, "description": "For kubernetes."},
        "mount": {
            "type": "string",
            "minLength": 1,
            "description": "Of the auth method, if not under its own name; a jwt mount serves kubernetes, too.",
            "examples": ["kubernetes-prod"],
            "x-access": "place",
        },
    },
    "required": ["method"],
    "allOf": [
        {
            "if": {"properties": {"method": {"const": method}}, "required": ["method"]},
            "then": {"required": list(needed)},
        }
        for method, needed in _NEEDED.items()
    ],
    "additionalProperties": False,
}


@dataclass(frozen=True, slots=True)
class Token:
    """A token that was issued before."""

    token: Credential

    def names(self) -> str:
        """Return what an error calls it."""
        return "the token"


@dataclass(frozen=True, slots=True, kw_only=True)
class AppRole:
    """A role id, and the secret that goes with it."""

    role_id: str
    secret_id: Credential
    mount: str = "approle"

    def names(self) -> str:
        """Return what an error calls it."""
        return f"the AppRole at auth/{self.mount}"

    def log_in(self, client: Any) -> Any:
        """Return the answer to a login by an hvac client."""
        return client.auth.approle.login(
            role_id=self.role_id, secret_id=self.secret_id.reveal(), use_token=False, mount_point=self.mount
        )


@dataclass(frozen=True, slots=True, kw_only=True)
class Kubernetes:
    """A service account's JWT, and the role that it may take."""

    role: str
    jwt: Credential
    mount: str = "kubernetes"

    def names(self) -> str:
        """Return what an error calls it."""
        return f"the role '{self.role}' at auth/{self.mount}"

    def log_in(self, client: Any) -> Any:
        """Return the answer to a login by an hvac client."""
        return client.auth.kubernetes.login(
            role=self.role, jwt=self.jwt.reveal(), use_token=False, mount_point=self.mount
        )


Auth: TypeAlias = Token | AppRole | Kubernetes


def find_token(environment: Mapping[str, str]) -> SecretSource:
    """Return where the token stands that Vault's and OpenBao's own clients would use.

    That is a variable, then the file that `vault login` and `bao login` write; like them (vault,
    api/tokenhelper/helper_internal.go), it is used whatever its mode.
    """
    for variable in _TOKEN_VARIABLES:
        if environment.get(variable):
            return FromEnvironment(variable)
    file = Path(environment.get("HOME", ""), ".vault-token")
    return FromFile(str(file)) if file.is_absolute() and file.is_file() else FromEnvironment(_TOKEN_VARIABLES[0])


def find_unnamed_secrets(options: Mapping[str, Any]) -> Sequence[Mapping[str, Any]]:
    """Return where the secrets stand with which the options log in although they do not name them."""
    auth = options.get("auth")
    if not auth:
        return [{"env": variable} for variable in _TOKEN_VARIABLES]
    return [{"file": JWT_FILE}] if auth.get("method") == "kubernetes" and "jwt" not in auth else []


def read_auth(
    options: Mapping[str, Any], resolve: Callable[[SecretSource], Credential], *, default: SecretSource
) -> Auth:
    """Return what the option `auth` means, its secrets fetched; without it, the token at `default`.

    Raises InputError where one is missing.
    """
    given = options.get("auth")
    if not given:
        return Token(resolve(default))
    mount = {"mount": given["mount"]} if "mount" in given else {}
    match given["method"]:
        case "approle":
            return AppRole(role_id=given["role_id"], secret_id=resolve(read_source(given["secret_id"])), **mount)
        case "kubernetes":
            source = read_source(given.get("jwt", {"file": JWT_FILE}))
            return Kubernetes(role=given["role"], jwt=resolve(source), **mount)
        case _:
            return Token(resolve(read_source(given["token"])))

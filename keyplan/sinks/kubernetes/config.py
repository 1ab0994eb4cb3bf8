"""The connection to a cluster, from a kubeconfig or from the pod that keyplan runs in.

Nothing is sent and no program is run. No error quotes a kubeconfig, and no server goes unauthenticated.
"""

from __future__ import annotations

import base64
import binascii
from collections.abc import Iterable, Mapping
from dataclasses import dataclass, field, replace
from pathlib import Path
from typing import Any

import jsonschema
import yaml

from keyplan.context import PluginContext
from keyplan.errors import InputError
from keyplan.model.manifest import Json
from keyplan.model.secret import Credential
from keyplan.net.http import check_base_url
from keyplan.sinks.kubernetes.identity import Certificate, ClusterUser, Plugin, Static, TokenFile
from keyplan.system.programs import keep_from_children

# kubernetes.io/docs, "Accessing the Kubernetes API from a Pod".
SERVICE_ACCOUNT = Path("/var/run/secrets/kubernetes.io/serviceaccount")
_TEXT = {"type": "string"}
_WORDS = {"type": ["array", "null"], "items": _TEXT}
_PAIRS = {"type": ["array", "null"], "items": {"type": "object", "properties": {"name": _TEXT, "value": _TEXT}}}
_EXEC = {
    "type": ["object", "null"],
    "properties": {"apiVersion": _TEXT, "command": _TEXT, "args": _WORDS, "env": _PAIRS, "interactiveMode": _TEXT},
    "required": ["command"],
}
_USER = {
    "token": _TEXT,
    "tokenFile": _TEXT,
    "client-certificate": _TEXT,
    "client-certificate-data": _TEXT,
    "client-key": _TEXT,
    "client-key-data": _TEXT,
    "exec": _EXEC,
}
_CLUSTER = {
    "server": _TEXT,
    "certificate-authority": _TEXT,
    "certificate-authority-data": _TEXT,
    "tls-server-name": _TEXT,
}
_CONTEXT = {"cluster": _TEXT, "user": _TEXT, "namespace": _TEXT}


def _named(part: str, properties: Mapping[str, Any]) -> Mapping[str, Any]:
    entry = {"properties": {"name": _TEXT, part: {"type": ["object", "null"], "properties": properties}}}
    return {"type": ["array", "null"], "items": {"type": "object", "required": ["name"], **entry}}


_FORM = jsonschema.Draft202012Validator(
    {
        "type": "object",
        "properties": {
            "current-context": _TEXT,
            "clusters": _named("cluster", _CLUSTER),
            "users": _named("user", _USER),
            "contexts": _named("context", _CONTEXT),
        },
    }
)


@dataclass(frozen=True, slots=True, kw_only=True)
class Connection:
    """One cluster, as one user sees it."""

    server: str
    """Base URL without a trailing slash."""
    identity: ClusterUser
    namespace: str = "default"
    """The namespace of Secrets if the sink names none."""
    authority: str = ""
    """PEM of the certificates that may vouch for the server; empty for the system's."""
    server_name: str = ""
    """What the server's certificate must say; empty for the host."""
    environment: Mapping[str, str] = field(default_factory=dict, repr=False, compare=False)
    """Names proxies, and certificates if there is no `authority`."""


@dataclass(frozen=True, slots=True)
class _Part:
    """One entry of a kubeconfig, and the folder that its relative paths start from."""

    values: Mapping[str, Any]
    folder: Path

    def pem(self, name: str) -> str:
        """Return a certificate or key, from the kubeconfig or another file."""
        if data := self.values.get(f"{name}-data"):
            try:
                return base64.b64decode(data, validate=True).decode()
            except (binascii.Error, ValueError):
                raise InputError(f"the kubeconfig's {name}-data is not base64 of a text") from None
        path = self.values.get(name)
        return _read(self.folder / path) if path else ""


def find_connection(
    options: Mapping[str, Json], context: PluginContext, *, account: Path = SERVICE_ACCOUNT
) -> Connection:
    """Return what kubectl would use: the option, KUBECONFIG, ``~/.kube/config``, and in a pod its service account.

    Raises InputError if there is none of these, or it can't be used.
    """
    return replace(_find_connection(options, context, account), environment=context.environment)


def _find_connection(options: Mapping[str, Json], context: PluginContext, account: Path) -> Connection:
    environment = context.environment
    for_plugins = keep_from_children(environment, context.credential_variables)
    kube_context = options.get("context")
    home = environment.get("HOME", "")
    if option := options.get("kubeconfig"):
        path = Path(home, str(option)[2:]) if str(option).startswith("~/") else Path(context.folder, str(option))
        return _read_connection([path], kube_context, for_plugins)
    # kubectl: an empty part of KUBECONFIG counts for nothing, a file that is missing neither.
    named = [Path(part) for part in environment.get("KUBECONFIG", "").split(":") if part]
    paths = [path for path in named or [Path(home, ".kube/config")] if path.is_file()]
    if paths:
        return _read_connection(paths, kube_context, for_plugins)
    if "KUBERNETES_SERVICE_HOST" in environment and kube_context is None:
        return _read_account(environment, account)
    raise InputError(
        "there is no kubeconfig, and this is not a pod with a service account",
        advice="give the sink a 'kubeconfig', or set KUBECONFIG",
    )


def _read_account(environment: Mapping[str, str], account: Path) -> Connection:
    host, port = environment["KUBERNETES_SERVICE_HOST"], environment.get("KUBERNETES_SERVICE_PORT", "443")
    named = account / "namespace"
    return Connection(
        server=check_base_url(f"https://{f'[{host}]' if ':' in host else host}:{port}", whose="the cluster's address"),
        identity=TokenFile(account / "token"),
        namespace=_read(named).strip() if named.is_file() else "default",
        authority=_read(account / "ca.crt"),
    )


def _read_connection(paths: Iterable[Path], context: Json, environment: Mapping[str, str]) -> Connection:
    documents = [(_load(path), path.parent.absolute()) for path in paths]
    current = next((doc["current-context"] for doc, _ in documents if doc.get("current-context")), "")
    name = str(context or current)
    if not name:
        raise InputError("the kubeconfig has no current context", advice="give the sink a 'context'")
    chosen = _find(documents, "context", name)
    cluster = _find(documents, "cluster", chosen.values.get("cluster", ""))
    user = _find(documents, "user", chosen.values.get("user", ""))
    return Connection(
        server=_check_server(cluster),
        identity=_read_identity(user, environment),
        namespace=chosen.values.get("namespace") or "default",
        authority=cluster.pem("certificate-authority"),
        server_name=cluster.values.get("tls-server-name", ""),
    )


def _load(path: Path) -> Mapping[str, Any]:
    try:
        document = yaml.safe_load(_read(path)) or {}
    except yaml.YAMLError:
        # From None: the cause quotes the file.
        raise InputError(f"the kubeconfig '{path}' is not YAML") from None
    problem = next(_FORM.iter_errors(document), None)
    if problem is not None:
        # Only the place: the message would quote the value.
        raise InputError(f"the kubeconfig '{path}' is none: {problem.json_path} has another form")
    found: Mapping[str, Any] = document
    return found


def _read(path: Path) -> str:
    try:
        return path.read_text(encoding="utf-8")
    except OSError as error:
        raise InputError(f"'{path}' cannot be read: {error.strerror}") from error
    except UnicodeDecodeError:
        raise InputError(f"'{path}' is not a text file") from None


def _find(documents: Iterable[tuple[Mapping[str, Any], Path]], part: str, name: str) -> _Part:
    """Return the first entry of that name, as kubectl merges several files."""
    for document, folder in documents:
        for entry in document.get(f"{part}s") or ():
            if entry["name"] == name:
                return _Part(entry.get(part) or {}, folder)
    raise InputError(f"the kubeconfig has no {part} '{name}'", advice="see 'kubectl config get-contexts'")


def _check_server(cluster: _Part) -> str:
    server = check_base_url(cluster.values.get("server", ""), whose="the cluster's server")
    if cluster.values.get("insecure-skip-tls-verify"):
        raise InputError(
            f"the kubeconfig does not let {server} be authenticated (insecure-skip-tls-verify): "
            "raw keys could be read on the network",
            advice="give the cluster its 'certificate-authority-data', and 'tls-server-name' if names differ",
        )
    if cluster.values.get("proxy-url"):
        raise InputError("the kubeconfig's 'proxy-url' is not supported", advice="set HTTPS_PROXY instead")
    return server


def _read_identity(user: _Part, environment: Mapping[str, str]) -> ClusterUser:
    values = user.values
    if plugin := values.get("exec"):
        return _read_plugin(plugin, user.folder, environment)
    if path := values.get("tokenFile"):
        return TokenFile(user.folder / path)
    chain, key = user.pem("client-certificate"), user.pem("client-key")
    token = values.get("token")
    if not token and not (chain and key):
        raise InputError(
            "the kubeconfig's user has no token, client certificate or exec plugin",
            advice="user names and passwords, and 'auth-provider', are gone from Kubernetes: use an exec plugin",
        )
    return Static(
        token=Credential(token) if token else None,
        certificate=Certificate(chain, Credential(key)) if chain and key else None,
    )


def _read_plugin(settings: Mapping[str, Any], folder: Path, environment: Mapping[str, str]) -> Plugin:
    command = settings["command"]
    if settings.get("interactiveMode") == "Always":
        raise InputError(f"the kubeconfig's plugin '{command}' wants a terminal", advice="use one that does not ask")
    additions = {pair.get("name", ""): pair.get("value", "") for pair in settings.get("env") or ()}
    return Plugin(
        # client-go: a command with a slash starts from the kubeconfig's folder, one without from PATH.
        argv=(str(folder / command) if "/" in command else command, *(settings.get("args") or ())),
        folder=str(folder),
        environment={**environment, **additions},
        api_version=settings.get("apiVersion") or "client.authentication.k8s.io/v1",
    )

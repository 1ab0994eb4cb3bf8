"""Who may make an HTTP client, and how: every request finds its way by `keyplan.net.proxies` and `keyplan.net.trust`.

A library that sends requests reads proxies and certificates by rules of its own, unless the module that makes its
client takes care of that. So each such module is listed, and a new one has to be read before it is.
"""

from __future__ import annotations

import ast
from collections.abc import Iterator, Mapping

from house.tree import Tree, Violation

CLIENTS: Mapping[str, tuple[str, ...]] = {
    "aiohttp": (),
    "apprise": ("keyplan.notify",),
    "azure": ("keyplan.sinks.azure.client",),
    "boto3": ("keyplan.ledgers.s3.client", "keyplan.sinks.aws.service"),
    "botocore": ("keyplan.ledgers.s3.client", "keyplan.net.aws_transport", "keyplan.sinks.aws.service"),
    "google": ("keyplan.sinks.gcp.client", "keyplan.sinks.gcp.connection"),
    "grpc": (),
    "http.client": (),
    "httpx": (
        "keyplan.net.http",
        "keyplan.net.streams",
        "keyplan.net.trail",
        "keyplan.net.transport",
        "keyplan.notify",
        "keyplan.notify.targets",
        "keyplan.notify.webhook",
        "keyplan.providers.arize",
        "keyplan.providers.arize.factory",
        "keyplan.providers.client",
        "keyplan.providers.connection",
        "keyplan.providers.zenml",
        "keyplan.providers.zenml.factory",
        "keyplan.providers.zenml.login",
        "keyplan.providers.phoenix",
        "keyplan.providers.phoenix.factory",
        "keyplan.sinks.forge",
        "keyplan.sinks.kubernetes.client",
        "keyplan.sinks.kubernetes.tls",
    ),
    "hvac": ("keyplan.sinks.vault.connection",),
    "kubernetes": (),
    # `requests.exceptions` for the two sinks.
    "requests": ("keyplan.net.sessions", "keyplan.sinks.gcp.client", "keyplan.sinks.vault.connection"),
    "smtplib": (),
    "urllib.request": (),
    "urllib3": ("keyplan.net.aws_transport", "keyplan.net.pools", "keyplan.net.sessions"),
}
"""Libraries that send requests, and the modules that alone may import them."""

MAKERS: Mapping[str, tuple[str, ...]] = {
    "httpx.AsyncClient": (),
    "httpx.Client": ("keyplan.net.http",),
    "httpx.HTTPTransport": ("keyplan.net.transport",),
    "httpx.create_ssl_context": (),
    "httpx.delete": (),
    "httpx.get": (),
    "httpx.patch": (),
    "httpx.post": (),
    "httpx.put": (),
    "httpx.request": (),
    "httpx.stream": (),
    "ssl.SSLContext": ("keyplan.net.trust",),
    "ssl._create_unverified_context": (),
    "ssl.create_default_context": (),
}
"""Calls that make a client or say what it trusts, and the modules that alone may have them."""

_ROOMS = ("keyplan.net.", "keyplan.notify.")
_LED = frozenset(
    {"lead", "lead_aws", "lead_new_sessions", "make_opener", "make_tls_context", "open_client", "open_notifier"}
    | {"open_session"}
)
"""Functions that are given the environment, out of which proxies and certificates come."""


def find_unlisted_clients(tree: Tree) -> Iterator[Violation]:
    """Yield imports of libraries that send requests, and calls that make a client, outside of the listed modules."""
    used = set[tuple[str, str]]()
    for module in tree.modules():
        for line, name in module.imports():
            library = next((each for each in CLIENTS if f"{name}.".startswith(f"{each}.")), "")
            if not library:
                continue
            used.add((library, module.name))
            if module.name not in CLIENTS[library]:
                yield Violation(module.path, line, f"{library} sends requests, and is for listed modules alone")
        for node in module.nodes:
            name = _name_call(node)
            if name in MAKERS and module.name not in MAKERS[name]:
                yield Violation(module.path, node.lineno, f"{name}() finds proxies or certificates by itself")
    for library, holder in sorted({(each, holder) for each, holders in CLIENTS.items() for holder in holders} - used):
        yield Violation("tests/house/network.py", 1, f"CLIENTS allows {holder} to import {library}; it does not")


def find_clients_without_environment(tree: Tree) -> Iterator[Violation]:
    """Yield calls that make a client and do not say out of which environment its proxies and certificates come."""
    for module in tree.modules():
        names = _LED & {name.rpartition(".")[2] for _, name in module.imports() if name.startswith(_ROOMS)}
        for node in module.nodes:
            is_led = isinstance(node, ast.Call) and isinstance(node.func, ast.Name) and node.func.id in names
            if is_led and "environment" not in ast.unparse(node):
                yield Violation(module.path, node.lineno, f"{node.func.id}() is not given the environment")


def _name_call(node: ast.AST) -> str:
    """Return what a node calls of a module, such as ``httpx.get``; empty for everything else."""
    function = node.func if isinstance(node, ast.Call) else None
    is_of_module = isinstance(function, ast.Attribute) and isinstance(function.value, ast.Name)
    return f"{function.value.id}.{function.attr}" if is_of_module else ""

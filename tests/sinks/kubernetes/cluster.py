"""One cluster, real or fake, as its administrator sees it: everything goes through the API."""

from __future__ import annotations

import base64
import json
import ssl
import uuid
from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any

import httpx

USERS = ("admin", "full", "named", "writer", "reader", "nobody")
TOKENS = {f"token-of-{user}": user for user in USERS}
RIGHTS: Mapping[str, Sequence[Mapping[str, Any]]] = {
    # Policy (a) of docs/sinks/kubernetes.md, for one Secret whose name is known.
    "named": [{"verbs": ["get", "create", "patch", "delete"], "resourceNames": ["arize-keys"]}],
    # Policy (b), for names that are templates.
    "full": [{"verbs": ["get", "list", "create", "patch", "delete"]}],
    # Policy (c): no right to get.
    "writer": [{"verbs": ["create", "patch"]}],
    "reader": [{"verbs": ["get", "list"]}],
}
MERGE, APPLY = "application/merge-patch+json", "application/apply-patch+yaml"


class Cluster:
    """Talks to a cluster as anybody."""

    def __init__(self, url: str, *, authority: str = "", transport: httpx.BaseTransport | None = None) -> None:
        self.url = url
        self.authority = authority
        verify = ssl.create_default_context(cadata=authority) if authority else True
        self._http = httpx.Client(base_url=url, verify=verify, timeout=30, transport=transport)

    def ask(
        self,
        method: str,
        path: str,
        body: Mapping[str, Any] | None = None,
        *,
        user: str = "admin",
        content_type: str = "application/json",
        accept: str = "application/json",
        **parameters: str,
    ) -> httpx.Response:
        """Return the answer to one request."""
        headers = {"Authorization": f"Bearer token-of-{user}", "Content-Type": content_type, "Accept": accept}
        content = json.dumps(body) if body is not None else None
        return self._http.request(method, path, content=content, headers=headers, params=parameters)

    def close(self) -> None:
        """Let go of connections."""
        self._http.close()

    def make_namespace(self) -> str:
        """Return a fresh namespace in which every user has the rights that stand in RIGHTS."""
        name = f"test-{uuid.uuid4().hex[:12]}"
        self._expect(self.ask("POST", "/api/v1/namespaces", {"metadata": {"name": name}}))
        rbac = f"/apis/rbac.authorization.k8s.io/v1/namespaces/{name}"
        for user, rules in RIGHTS.items():
            described = [{"apiGroups": [""], "resources": ["secrets"], **rule} for rule in rules]
            self._expect(self.ask("POST", f"{rbac}/roles", {"metadata": {"name": user}, "rules": described}))
            role = {"apiGroup": "rbac.authorization.k8s.io", "kind": "Role", "name": user}
            subject = {"apiGroup": "rbac.authorization.k8s.io", "kind": "User", "name": user}
            binding = {"metadata": {"name": user}, "roleRef": role, "subjects": [subject]}
            self._expect(self.ask("POST", f"{rbac}/rolebindings", binding))
        return name

    def write_kubeconfig(self, folder: Path, *, user: str, namespace: str = "default") -> Path:
        """Return the path of a kubeconfig with that user's token."""
        authority = base64.b64encode(self.authority.encode()).decode()
        cluster = {"server": self.url, **({"certificate-authority-data": authority} if authority else {})}
        config = {
            "current-context": "here",
            "contexts": [{"name": "here", "context": {"cluster": "c", "user": "u", "namespace": namespace}}],
            "clusters": [{"name": "c", "cluster": cluster}],
            "users": [{"name": "u", "user": {"token": f"token-of-{user}"}}],
        }
        path = folder / f"kubeconfig-{user}"
        path.write_text(json.dumps(config))
        return path

    def secret(self, namespace: str, name: str) -> dict[str, Any] | None:
        """Return a Secret; None where there is none."""
        answer = self.ask("GET", f"/api/v1/namespaces/{namespace}/secrets/{name}")
        return None if answer.status_code == 404 else self._expect(answer)

    def value(self, namespace: str, name: str, entry: str) -> str | None:
        """Return what a pod would see."""
        data = (self.secret(namespace, name) or {}).get("data", {})
        return base64.b64decode(data[entry]).decode() if entry in data else None

    def patch(self, namespace: str, name: str, changes: Mapping[str, Any], *, manager: str = "kubectl-edit") -> None:
        """Change a Secret as `kubectl edit` does."""
        path = f"/api/v1/namespaces/{namespace}/secrets/{name}"
        self._expect(self.ask("PATCH", path, changes, content_type=MERGE, fieldManager=manager))

    def person_writes(self, namespace: str, name: str, entry: str, text: str) -> None:
        """Put a value there by hand; the Secret is made where there is none."""
        data = {"data": {entry: base64.b64encode(text.encode()).decode()}}
        if self.secret(namespace, name):
            self.patch(namespace, name, data)
        else:
            self.make_secret(namespace, name, **data)

    def make_secret(
        self, namespace: str, name: str, *, metadata: Mapping[str, Any] | None = None, **parts: Any
    ) -> None:
        """Make a Secret as `kubectl create` does."""
        body = {"metadata": {"name": name, **(metadata or {})}, **parts}
        path = f"/api/v1/namespaces/{namespace}/secrets"
        self._expect(self.ask("POST", path, body, fieldManager="kubectl-create"))

    def controller_applies(self, namespace: str, name: str, entry: str, text: str) -> None:
        """Declare a value, as a GitOps controller does, whoever owned it before."""
        data = {entry: base64.b64encode(text.encode()).decode()}
        body = {"apiVersion": "v1", "kind": "Secret", "metadata": {"name": name}, "data": data}
        path = f"/api/v1/namespaces/{namespace}/secrets/{name}"
        self._expect(self.ask("PATCH", path, body, content_type=APPLY, fieldManager="argocd-controller", force="true"))

    def delete(self, namespace: str, name: str) -> None:
        """Delete a Secret by hand."""
        self._expect(self.ask("DELETE", f"/api/v1/namespaces/{namespace}/secrets/{name}"))

    def _expect(self, answer: httpx.Response) -> dict[str, Any]:
        assert answer.is_success, answer.text
        found: dict[str, Any] = answer.json()
        return found

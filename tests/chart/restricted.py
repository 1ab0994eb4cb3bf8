"""What the Pod Security Standard `restricted` asks, and what keyplan's own pods are held to beyond it."""

from __future__ import annotations

from collections.abc import Iterator
from typing import Any

VOLUMES = {"configMap", "secret", "emptyDir", "persistentVolumeClaim"}
"""The kinds of volumes that the chart uses; `restricted` allows a few more."""


NEVER = ("hostNetwork", "hostPID", "hostIPC", "ephemeralContainers", "initContainers")
"""Fields of a pod that the chart has no use for."""


def find_violations(pod: dict[str, Any]) -> Iterator[str]:
    """Yield what the spec of a pod does that it must not."""
    yield from (field for field in NEVER if pod.get(field))
    context = pod.get("securityContext", {})
    if context.get("runAsNonRoot") is not True or context.get("runAsUser") == 0:
        yield "may run as root"
    if context.get("seccompProfile") != {"type": "RuntimeDefault"}:
        yield "no seccomp profile"
    unknown = {kind for volume in pod.get("volumes", ()) for kind in volume.keys() - VOLUMES - {"name"}}
    yield from (f"volume of kind {kind}" for kind in sorted(unknown))
    for container in pod["containers"]:
        yield from _judge(container)


def _judge(container: dict[str, Any]) -> Iterator[str]:
    own = container.get("securityContext", {})
    expected = {
        "allowPrivilegeEscalation": False,
        "readOnlyRootFilesystem": True,
        "capabilities": {"drop": ["ALL"]},
    }
    yield from (f"{field} of a container" for field, value in expected.items() if own.get(field) != value)
    # What a container says counts before what the pod says, so it may say nothing else.
    yield from (f"{field} of a container" for field in own.keys() - expected.keys())
    yield from ("hostPort" for port in container.get("ports", ()) if "hostPort" in port)
    if "memory" not in container.get("resources", {}).get("limits", {}):
        yield "no limit of memory"

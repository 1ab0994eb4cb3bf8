"""What stands for GitHub, PyPI and sigstore while a release is rehearsed, and what nothing can stand for."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass

CHECKOUT, PYTHON = "actions/checkout", "actions/setup-python"
UPLOAD, DOWNLOAD = "actions/upload-artifact", "actions/download-artifact"
IMAGE_STEP = "Build and push"
"""The step that needs a program that builds images."""
_NO_IDENTITY = "only a run on GitHub has an identity (OIDC) that sigstore and PyPI trust"
_NO_REGISTRY = "the image goes to a file, so there is no registry and nothing to sign in it"

NOT_REHEARSED: Mapping[str, str] = {
    "actions/attest": _NO_IDENTITY,
    "sigstore/cosign-installer": _NO_REGISTRY,
    "docker/setup-qemu-action": "the image is built for the platform of this machine alone",
    "docker/setup-buildx-action": "buildah stands for Docker",
    "Log in to the registry": _NO_REGISTRY,
    "Sign the image": _NO_REGISTRY,
}
"""Actions, and names of steps with a script, that a rehearsal leaves out, each with the reason."""

NOT_REHEARSED_JOBS: Mapping[str, str] = {"tests": ".ci/run is the rehearsal of the workflow CI"}


@dataclass(frozen=True, kw_only=True)
class StandIn:
    """A script that runs in place of the one of a step."""

    script: str
    reason: str


STAND_INS: Mapping[str, StandIn] = {
    "Sign with sigstore": StandIn(
        script="""\
python -m sigstore --version
for file in dist/*.whl dist/*.tar.gz dist/keyplan.cdx.json; do echo '{}' >"$file.sigstore.json"; done
""",
        reason=_NO_IDENTITY,
    ),
    "Attest the files for PyPI": StandIn(
        script="""\
python -m pypi_attestations --version
for file in dist/*.whl dist/*.tar.gz; do echo '{}' >"$file.publish.attestation"; done
""",
        reason=_NO_IDENTITY,
    ),
}
"""Scripts by the name of the step. Each starts the program that the step would, which has been installed by hash."""

GH = r"""#!/usr/bin/env bash
# Stands for gh: answers for one tag whether its signature is good, and keeps one release in a folder.
set -euo pipefail
refuse() { echo "gh: the stand-in does not know: $*" >&2; exit 2; }
test -n "$GH_TOKEN" || refuse "a request without a token"
case "$1 $2" in
  "api repos/$GITHUB_REPOSITORY/git/tags/"*)
    test "$3 $4" = "--jq .verification.verified" || refuse "$@"
    if git -C "$REHEARSED_ORIGIN" -c gpg.ssh.allowedSignersFile="$REHEARSED_SIGNERS" \
      verify-tag "${2##*/}" >&2; then echo true; else echo false; fi
    ;;
  "release create")
    tag="$3"
    shift 3
    while [ $# -gt 0 ]; do
      case "$1" in
        --repo) test "$2" = "$GITHUB_REPOSITORY"; shift 2 ;;
        --verify-tag) git -C "$REHEARSED_ORIGIN" rev-parse --quiet --verify "refs/tags/$tag" >/dev/null; shift ;;
        --title) mkdir "$REHEARSED_RELEASE"; echo "$2" >"$REHEARSED_RELEASE/TITLE"; shift 2 ;;
        --notes-file) cp "$2" "$REHEARSED_RELEASE/NOTES.md"; shift 2 ;;
        --*) refuse "$1" ;;
        *) cp "$1" "$REHEARSED_RELEASE/"; shift ;;
      esac
    done
    ;;
  *) refuse "$@" ;;
esac
"""

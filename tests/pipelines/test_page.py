"""The commands of docs/gitops.md, run as they stand there, one after another in one folder."""

from __future__ import annotations

import re
import subprocess
import sys
from pathlib import Path

import pytest
from pipelines.conftest import Provider
from pipelines.steps import ROOT

pytestmark = [pytest.mark.processes, pytest.mark.enable_socket]

POLICY = "version: 1\nnames: ['[a-z-]+']\n"


def test_every_command_of_the_page_does_what_it_says(tmp_path: Path, provider: Provider) -> None:
    blocks = re.findall(r"^```sh\n(.*?)^```", (ROOT / "docs/gitops.md").read_text(), re.DOTALL | re.MULTILINE)
    (tmp_path / "policy.yaml").write_text(POLICY)
    ran = subprocess.run(
        ["bash", "-euo", "pipefail", "-c", "".join(blocks)],
        cwd=tmp_path,
        env={
            "PATH": f"{Path(sys.executable).parent}:/usr/bin:/bin",
            "ARIZE_API_KEY": provider.sandbox.credential,
            "ARIZE_API_HOST": provider.sandbox.url.removeprefix("http://"),
            "ARIZE_API_SCHEME": "http",
            "LC_ALL": "C.UTF-8",
            "CI": "true",
        },
        capture_output=True,
        text=True,
        timeout=120,
        check=False,
    )
    assert ran.returncode == 0, ran.stdout + ran.stderr
    assert len(blocks) == 2
    assert provider.live_names() == ["my-user-key"]
    assert (tmp_path / "comment.md").read_text()
    assert (tmp_path / "findings.sarif").read_text()

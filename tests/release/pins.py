"""What README, docs, examples and action say about installing keyplan, written from the switch `release.toml`.

`python tests/release/pins.py` writes it, with --check it names the files that say something else. `PLACES` has every
place with both of its forms: from a checkout while no release is out, and from a release.
"""

from __future__ import annotations

import re
import sys
import tomllib
from collections.abc import Iterator, Mapping
from dataclasses import dataclass, field
from pathlib import Path

REPOSITORY = Path(__file__).parents[2]
SWITCH = "release.toml"
UNKNOWN_COMMIT = "0" * 40
"""For the reader to replace: the commit of a copy of keyplan that only the reader knows."""
_FORMS = {
    "version": r"[0-9]+\.[0-9]+\.[0-9]+[0-9A-Za-z.]*",
    "commit": r"(?!0{40})[0-9a-f]{40}",
    "image": r"[a-z0-9][a-z0-9.-]*(?::[0-9]+)?(?:/[a-z0-9._-]+)+",
    "digest": r"sha256:[0-9a-f]{64}",
}
_REPOSITORY = r"[A-Za-z0-9-]+/[A-Za-z0-9._-]+"


class SwitchError(ValueError):
    """A switch that says half of what a release is, or something that is none of it."""


@dataclass(frozen=True, kw_only=True)
class Switch:
    """What `release.toml` says."""

    repository: str
    version: str
    """Of the release, or of the checkout while there is none."""
    release: Mapping[str, str] = field(default_factory=dict)
    """Version, commit, image and digest; empty while there is no release."""

    @property
    def values(self) -> dict[str, str]:
        """What the forms of a place may name."""
        return {"repository": self.repository, "commit": UNKNOWN_COMMIT, "version": self.version, **self.release}


@dataclass(frozen=True, kw_only=True)
class Place:
    """Something to install or to name, in both of its forms."""

    files: str
    """A glob, from the root."""
    found: str
    """A regular expression that finds both forms. What it calls `kept` is kept."""
    unreleased: str
    released: str


_ANY = "**/*"
_MARKED = "(?<=<!-- release -->\n)(?s:.*?)(?=\n<!-- /release -->)"
_FROM_A_CHECKOUT = """\
No release is out yet, so everything starts from a checkout. Don't run `pip install keyplan`: if an index has a package
of that name, it is not this one.

```sh
pipx install .          # an environment of its own, the command on the PATH
uv tool install .       # the same
pip install .           # into the environment that is active
make dist               # writes dist/keyplan-{version}-py3-none-any.whl, which pipx, uv and pip install as well
make image              # builds the container image localhost/keyplan:{version}
```"""
_FROM_A_RELEASE = """\
The latest release is {version}. Its container image is `{image}@{digest}`.

```sh
pipx install keyplan=={version}         # an environment of its own, the command on the PATH
uv tool install keyplan=={version}      # the same
pip install keyplan=={version}          # into the environment that is active
```

In a checkout, `pipx install .` and `uv tool install .` do the same; `make dist` writes the wheel, `make image` builds
the image."""
_ACTION = rf"(?<=uses: ){_REPOSITORY}@[0-9a-f]{{40}}  # (?:v\S+|a commit of your copy)"
PLACES = (
    Place(
        files="README.md",
        found=r"(?m)^pipx install .*$",
        unreleased="pipx install .               # in this checkout; or: uv tool install .",
        released="pipx install keyplan=={version}   # or: uv tool install keyplan=={version}",
    ),
    Place(
        files="README.md",
        found=r"(?:No release is out yet\. )?\[Installation\]\(docs/installation\.md\) has",
        unreleased="No release is out yet. [Installation](docs/installation.md) has",
        released="[Installation](docs/installation.md) has",
    ),
    Place(
        files="docs/installation.md",
        found=_MARKED,
        unreleased=_FROM_A_CHECKOUT,
        released=_FROM_A_RELEASE,
    ),
    Place(
        files=_ANY,
        found=r"(?P<how>pipx?|uv tool) install '(?:\.|keyplan)(?P<kept>\[[a-z0-9,-]+\])'(?!  .*brings keyplan)",
        unreleased="{how} install '.{kept}'",
        released="{how} install 'keyplan{kept}'",
    ),
    Place(
        files="examples/*-package/README.md",
        found=r"(?m)^\$ pip install .*'\.\[testing\]' .*$",
        unreleased="$ pip install ../.. '.[testing]'   # keyplan from its checkout, then this package",
        released="$ pip install '.[testing]'      # brings keyplan, if it is not installed",
    ),
    Place(
        files="examples/systemd/README.md",
        found=r"(?<=/opt/keyplan/bin/pip install )\S+",
        unreleased="/path/to/checkout",
        released="'keyplan=={version}'",
    ),
    Place(
        files="examples/gitlab/.gitlab-ci.yml",
        found=r"(?m)^(?:  # The wheel [^\n]*\n)?  INSTALL: .*$",
        unreleased="  # The wheel that `make dist` writes, kept in this repository: no release is out yet.\n"
        "  INSTALL: ./keyplan-{version}-py3-none-any.whl[vault]",
        released="  INSTALL: keyplan[vault]=={version}",
    ),
    Place(
        files="examples/github/workflows/*.yml",
        found=_ACTION + r"(?=\n        with:\n          command:)",
        unreleased="{repository}@{commit}  # a commit of your copy",
        released="{repository}@{commit}  # v{version}",
    ),
    Place(
        files="examples/github/README.md",
        found=r"(?m)^(?:To fill in|Filled in): .*$",
        unreleased="To fill in: your copy of keyplan and a commit of it, in place of `{repository}@` and zeros.",
        released="Filled in: the commit of release {version} after `{repository}@`.",
    ),
    Place(
        files="docs/gitops.md",
        found=r"(?<=`examples/github/workflows` to `\.github/workflows`\. )(?s:.*?)(?=: that, and the names)",
        unreleased="Replace\n   `{repository}@000...` by your copy of keyplan's repository and a commit of it",
        released="They name\n   `{repository}` at the commit of release {version}; change it for another release",
    ),
    Place(
        files="examples/kubernetes/kustomization.yaml",
        found=r"    newName: \S+\n    (?:newTag|digest): \S+",
        unreleased='    newName: registry.example.com/keyplan\n    newTag: "{version}"',
        released="    newName: {image}\n    digest: {digest}",
    ),
    Place(
        files="examples/pre-commit/.pre-commit-config.yaml",
        found=r"(?m)^(?:  # A checkout [^\n]*\n)?  - repo: .*\n    rev: .*$",
        unreleased="  # A checkout of keyplan, or your copy of it, and a commit of that: no release is out yet.\n"
        '  - repo: file:///path/to/checkout\n    rev: "{commit}"',
        released='  - repo: https://github.com/{repository}\n    rev: "{commit}"  # frozen: v{version}',
    ),
    Place(
        files="action.yml",
        found=r"Version from (?:the|your own) package index(?: \(no release is out yet\))?",
        unreleased="Version from your own package index (no release is out yet)",
        released="Version from the package index",
    ),
    Place(
        files=_ANY,
        found=rf"https://raw\.githubusercontent\.com/{_REPOSITORY}/main/schemas/",
        unreleased="https://raw.githubusercontent.com/{repository}/main/schemas/",
        released="https://raw.githubusercontent.com/{repository}/main/schemas/",
    ),
)
WRITTEN = ("README.md", "action.yml", "action", "docs", "examples", "schemas")
"""Where places are."""


def read_switch(folder: Path) -> Switch:
    """Return what a checkout's switch says. Raises SwitchError."""
    told = tomllib.loads((folder / SWITCH).read_text())
    release = told.get("release", {})
    if release and (release.keys() != _FORMS.keys()):
        raise SwitchError(f"{SWITCH}: a release has {', '.join(_FORMS)}")
    for name, value in release.items():
        if not re.fullmatch(_FORMS[name], value):
            raise SwitchError(f"{SWITCH}: the {name} of a release is not {value!r}")
    found = re.search(r'(?m)^__version__ = "(.+)"$', (folder / "keyplan" / "__init__.py").read_text())
    if not found or not re.fullmatch(_REPOSITORY, told["repository"]):
        raise SwitchError(f"{SWITCH}: repository is OWNER/NAME")
    return Switch(repository=told["repository"], version=found[1], release=release)


def list_files(folder: Path) -> Iterator[Path]:
    """Yield the files that may have places, in order. Decisions say what was true when they were made."""
    for name in WRITTEN:
        for path in sorted([folder / name, *(folder / name).glob(_ANY)]):
            if path.is_file() and path.suffix not in (".png", ".svg", ".pyc") and "decisions" not in path.parts:
                yield path


def list_places(name: str) -> Iterator[Place]:
    """Yield the places that a file, named from the root, may have."""
    yield from (place for place in PLACES if place.files == _ANY or Path(name).match(place.files))


def write_places(text: str, name: str, switch: Switch) -> str:
    """Return the text of a file with all its places as the switch says."""
    for place in list_places(name):
        form = place.released if switch.release else place.unreleased
        text = re.sub(place.found, lambda found, form=form: form.format(**switch.values, **found.groupdict()), text)
    return text


def write_all(folder: Path, *, is_dry: bool = False) -> list[str]:
    """Write every place of a checkout, unless it is dry; return the files that said something else."""
    switch, changed = read_switch(folder), []
    for path in list_files(folder):
        name = str(path.relative_to(folder))
        text = path.read_text()
        wanted = write_places(text, name, switch)
        if wanted != text:
            changed.append(name)
            if not is_dry:
                path.write_text(wanted)
    return changed


def main(arguments: list[str]) -> int:
    """Write all places, or with --check return 1 if one does not agree with the switch."""
    is_dry = "--check" in arguments
    changed = write_all(REPOSITORY, is_dry=is_dry)
    sys.stdout.write("".join(f"{name}{' differs: run `make pins`' if is_dry else ''}\n" for name in changed))
    return 1 if is_dry and changed else 0


if __name__ == "__main__":
    sys.exit(main(sys.argv[1:]))

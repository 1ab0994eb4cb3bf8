"""Turn the text of a manifest into a checked `Manifest`, or into a list of all its problems with their places.

Nothing here opens a file, reads a clock or the environment, or quotes a secret in a message. The only error that
leaves this package is ManifestError.

The steps, in order: `yaml_parser` (text to values that know their place), `secret_search`, `compose` (one manifest of
several texts), `schema` (JSON Schema), then the meaning of each part: `plugins`, `policy`, `waivers`, `declaration`.
`reader` runs them all.
"""

from keyplan.manifest.composed_writer import render_composed
from keyplan.manifest.plugin_file import read_plugin_file
from keyplan.manifest.plugins import PluginSchemas
from keyplan.manifest.policy import read_policy
from keyplan.manifest.reader import compose_text, is_manifest, read, read_with_problems
from keyplan.manifest.sources import Refusal, Sources, TextFile

__all__ = [
    "PluginSchemas",
    "Refusal",
    "Sources",
    "TextFile",
    "compose_text",
    "is_manifest",
    "read",
    "read_plugin_file",
    "read_policy",
    "read_with_problems",
    "render_composed",
]

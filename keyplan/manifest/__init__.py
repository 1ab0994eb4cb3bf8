"""Turn the text of a manifest into a checked `Manifest`, or into a list of all its problems with their places.

Nothing here opens a file, reads a clock or the environment, or quotes a secret in a message. The only error that
leaves this package is ManifestError.

The steps, in order: `yaml_parser` (text to values that know their place), `secret_search`, `schema` (JSON Schema),
then the meaning of each part: `plugins`, `policy`, `waivers`, `declaration`. `reader` runs them all.
"""

from keyplan.manifest.plugins import PluginSchemas
from keyplan.manifest.policy import read_policy
from keyplan.manifest.reader import is_manifest, read, read_with_problems

__all__ = ["PluginSchemas", "is_manifest", "read", "read_policy", "read_with_problems"]

"""Turn the text of a manifest into a checked Manifest, or into every problem of it at its place.

In: bytes, the manifest's JSON Schema and the schemas of plugins. Out: `keyplan.model.manifest.Manifest`. Never: a
file, the environment, a clock; a message that quotes a secret; any error but ManifestError.

The steps, each a module: `yaml_tree` (text to values with spots), `checking` (JSON Schema), then meaning:
`plugins`, `deliveries`, `roles`, `declaring`, put together by `manifest`.
"""

from keyplan.manifest.plugins import PluginSchemas
from keyplan.manifest.policy import read_policy
from keyplan.manifest.reader import read, survey

__all__ = ["PluginSchemas", "read", "read_policy", "survey"]

"""A local Arize API on loopback, for rehearsals, tests and the demo. Needs the extra `keyplan[sandbox]`.

It must never import anything else of keyplan, or a mistake in the client could hide in the server. `docs/sandbox.md`
lists what it chooses if the vendor says nothing.
"""

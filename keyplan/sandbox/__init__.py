"""A local Arize API on loopback: what manifests are rehearsed on, and what the tests and the demo run on.

In: SandboxOptions. Out: an HTTP server that answers as one generation of the Arize API does, and says in
`docs/sandbox.md` what it chooses wherever the vendor says nothing. Never: an import of anything else of
keyplan (so that a mistake in the client can't hide in the server), a raw key on disk, a socket that is not
loopback. Needs the extra `keyplan[sandbox]`; `options` imports without it.
"""

"""Web pages that need no network: each is one file with its own style and script, and a policy that allows no other."""

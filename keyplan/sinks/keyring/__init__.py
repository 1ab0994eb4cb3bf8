"""The sink `keyring`: raw keys in the secret store of a developer's own machine."""

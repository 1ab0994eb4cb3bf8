"""The sink `vault`: raw keys in KV version 2 of HashiCorp Vault or OpenBao."""

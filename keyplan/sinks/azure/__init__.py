"""The sink `azure-key-vault`: raw keys as secrets of an Azure Key Vault."""

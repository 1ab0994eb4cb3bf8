"""The sink `sops`: raw keys as entries of encrypted YAML or JSON files."""

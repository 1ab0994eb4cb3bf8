"""The sink `age`: raw keys in files encrypted with age."""

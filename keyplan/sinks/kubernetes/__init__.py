"""The sink `kubernetes`: raw keys as entries of Secrets."""

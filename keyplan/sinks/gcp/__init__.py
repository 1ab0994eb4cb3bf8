"""The sink `gcp-secret-manager`: raw keys as secrets of Google's Secret Manager."""

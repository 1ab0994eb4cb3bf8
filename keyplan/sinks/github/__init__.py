"""The sink `github-actions`: raw keys as secrets of a repository, an environment or an organization."""

"""The sink `gitlab-ci`: raw keys as CI/CD variables of a project or a group."""

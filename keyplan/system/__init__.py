"""The operating system for adapters: clock, files, git, processes, programs and secrets."""

"""HTTP for adapters: one safe exchange, and the retry law that every exchange follows."""

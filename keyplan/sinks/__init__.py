"""Secret sinks: `engine` holds every rule that all sinks share; each sink adds a store."""

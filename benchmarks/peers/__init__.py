"""What keyplan is measured against; each script runs by itself, in an environment of its own."""

"""Text for people in a terminal."""

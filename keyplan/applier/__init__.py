"""Turns a plan into effects. The only code that orders effects; it never decides what should happen."""

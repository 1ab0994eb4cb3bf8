"""Nouns: frozen, slotted data that imports only errors and each other, downwards. No I/O, no clock."""

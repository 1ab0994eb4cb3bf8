"""The nouns: frozen, slotted data that imports only `errors` and each other, downwards. No I/O and no clock."""

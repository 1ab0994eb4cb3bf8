"""The Arize API as a provider of keys, in its two generations; the only code that knows its words.

Facts about the wire carry the section of the reference that states them, as in "arize-api 3.4".
"""

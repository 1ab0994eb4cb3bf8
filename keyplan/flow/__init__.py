"""Order: the only code that sequences effects, through ports. It never decides what should be."""

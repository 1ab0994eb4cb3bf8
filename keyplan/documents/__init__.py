"""The published JSON forms of model objects, in and out, beside the schemas that describe them."""

"""The published JSON forms of model objects, in and out, beside their schemas.

A module has `to_document` for one object and, if several can be published together, `to_documents`; what can be read
back has `from_document` and `from_documents`. No document holds a raw key, because no model object in it has one.
"""

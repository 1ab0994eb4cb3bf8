"""Use cases that know no terminal: what the command line and the Python API share."""

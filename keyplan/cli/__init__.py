"""The command line: the only hall, from which every room is reached."""

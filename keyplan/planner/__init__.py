"""Decides, without any I/O: desired keys and a snapshot become a plan. Reads no clock and no environment."""

"""Turns plans, reports and errors into text. Pure; text from outside comes out without control characters."""

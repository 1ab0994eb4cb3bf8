"""Faces, pure: a plan, report or error goes in, text comes out. Untrusted text comes out inert."""

"""The sink `command`: a program of the user's own takes each raw key on its standard input."""

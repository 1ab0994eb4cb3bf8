"""One module per verb, each with a click command named `command`: straight lines, loaded when they are asked for."""

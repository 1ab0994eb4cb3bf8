"""Two providers in one manifest, on two real servers, through the installed command: main job, faults, and a server that changes."""

"""PCare and Antrean FKTP in the sandbox."""

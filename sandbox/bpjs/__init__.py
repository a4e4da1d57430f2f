"""PCare and Antrean FKTP in a box (reference bpjs 9)."""

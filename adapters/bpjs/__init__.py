"""BPJS Kesehatan: PCare and Antrean FKTP."""

"""Sources: clinics databases that are read."""

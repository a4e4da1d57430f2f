"""Databases of clinics' own systems: opened for reading only, by the driver of each kind."""

"""Settings in SQLAdmin: clinics, users, roles, keys, recipients, logs."""

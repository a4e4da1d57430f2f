"""What the configuration declares, as the engine uses it: one Spec per entry."""

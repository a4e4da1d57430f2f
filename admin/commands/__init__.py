"""Commands of `antar`, one module per subject."""

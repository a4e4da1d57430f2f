"""The commands of `antar`, one file per subject."""

"""Loader of the entries: one Spec per resource type or job type."""

"""Declarations of the configuration, checked and compiled: one Spec per resource type or job type."""

"""Validation of one resource by the ministry's rules."""

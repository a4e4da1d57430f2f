"""Reads configuration files: grammar, values, inheritance, templates and examples."""

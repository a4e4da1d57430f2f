"""Payload templates: YAML trees with Jinja leaves, compiled to Python once."""

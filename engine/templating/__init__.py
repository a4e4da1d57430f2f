"""Payload trees with Jinja at the leaves, turned into Python once: environment, expressions, trees, names."""

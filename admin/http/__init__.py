"""Layers and rules of every request: access rights, errors, bodies, limits, security headers."""

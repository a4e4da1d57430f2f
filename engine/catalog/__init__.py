"""Catalog: all specs, upstreams, code lists and mappings that the configuration declares."""

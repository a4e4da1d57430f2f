"""Loaders of the other sections of the configuration: upstreams, code lists, mappings, inbound services, remedies."""

"""Loads the other sections of the configuration: upstreams, code lists, mappings, inbound calls, remedies."""

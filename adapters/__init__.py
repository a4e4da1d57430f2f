"""Adapters to external systems, one folder or file each. They do not import the engine."""

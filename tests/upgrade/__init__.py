"""Upgrade of a database that an earlier version wrote."""

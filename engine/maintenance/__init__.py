"""Upkeep of the stored data: retention, backup, restore."""

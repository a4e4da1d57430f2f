"""Maintenance of the stored data: retention, backup, restore, and a watch over the clock."""

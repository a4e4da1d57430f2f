"""Corrections of what was sent wrongly: the search for affected deliveries, and their list."""

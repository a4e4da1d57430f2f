"""Corrections of content that was sent wrongly: the search for affected deliveries, and their list."""

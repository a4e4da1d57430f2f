"""Pages about bulk actions."""

"""Pages of bulk actions, which run as jobs."""

"""A small clinic's own system in the sandbox: its database, and its staff, who enter, correct and delete."""

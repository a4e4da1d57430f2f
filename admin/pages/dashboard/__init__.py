"""Dashboard of an upstream: one card per type, and the most urgent to-dos."""

"""Tells clinics' systems, by webhook or in a table of their database, of deliveries that were settled."""

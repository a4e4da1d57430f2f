"""Queries over the stored deliveries: lists, figures, failures, and the next things to do."""

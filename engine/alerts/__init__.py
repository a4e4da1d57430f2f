"""Conditions that a person must hear of, and to whom each is told."""

"""Comparison of names of things: words, quantities, terms and their synonyms."""

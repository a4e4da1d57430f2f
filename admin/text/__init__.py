"""Words of the panel in both languages, and the masking of identifiers."""

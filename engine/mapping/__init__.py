"""National codes of what a clinic calls its things: items, suggestions, confirmed codes, review."""

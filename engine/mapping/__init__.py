"""National codes for a clinic's own items: their suggestion, confirmation and review."""

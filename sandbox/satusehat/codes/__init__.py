"""Small lists of codes per code system, as JSON."""

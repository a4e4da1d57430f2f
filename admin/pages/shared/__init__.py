"""What several pages use: layout, filters, formatting."""

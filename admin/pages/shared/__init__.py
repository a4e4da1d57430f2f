"""Parts that several pages use: layout, filters, formatting."""

"""How anything is sent; knows no vendor, no clinic, no page."""

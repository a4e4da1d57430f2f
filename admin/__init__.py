"""What a person touches: pages, API and command line."""

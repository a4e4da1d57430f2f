"""Takes records in: validation, storage with the delivery in one transaction."""

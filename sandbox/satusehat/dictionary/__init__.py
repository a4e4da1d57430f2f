"""The rule dictionary, element shapes, search parameters and uniqueness of each type, as JSON."""

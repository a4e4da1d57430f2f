"""The pages of a mapping: made from any entry of the YAML, the words for its things included."""

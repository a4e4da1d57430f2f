"""Pages about deliveries: lists, one delivery with its attempts, the editor, failure groups."""

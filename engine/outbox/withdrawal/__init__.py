"""Records that were handed in by mistake: taking them back, and undoing that."""

"""A database of an earlier version, and the proof that the present one takes it over."""

"""Pauses: what people, or a path that refuses everything, keep from being sent for a while."""

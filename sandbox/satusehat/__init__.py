"""SatuSehat as the ministry's sandbox answers."""

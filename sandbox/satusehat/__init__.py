"""SatuSehat as the ministry's sandbox answers (reference, section 9)."""

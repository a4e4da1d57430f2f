"""Tells people what goes wrong, once, and when it is over."""

"""Calls that a clinic receives: queue numbers for Mobile JKN, and their forwarding to the clinic's own system."""

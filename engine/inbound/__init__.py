"""Calls from outside that a clinic answers: queue numbers, and their forwarding to the clinic's system."""

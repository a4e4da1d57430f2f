"""Outbound guard: an address that a person has entered is only connected to if the operator's policy allows it."""

"""Conditions that people must be alerted to, and the recipients of the alerts."""

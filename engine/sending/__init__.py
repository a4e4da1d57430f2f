"""Sends the claimed deliveries of a channel: preparation, request, outcome, settlement."""

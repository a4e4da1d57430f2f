"""Limits of a channel: circuit breaker, concurrency, rate."""

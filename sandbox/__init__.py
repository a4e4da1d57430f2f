"""Simulated external systems for demo, tests and training."""

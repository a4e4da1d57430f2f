"""The outside world in a box, for demo, tests and training."""

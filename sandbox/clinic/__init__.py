"""The clinic's own side in the box: its system that is told of requests, and its patients' phones."""

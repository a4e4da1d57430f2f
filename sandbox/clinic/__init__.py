"""The clinic's own side in the sandbox: its system, which receives webhooks, and its patients' phones."""

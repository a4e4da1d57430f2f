"""The systems outside, one folder or file each; knows nothing of the engine."""

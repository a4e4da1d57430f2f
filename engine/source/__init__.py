"""YAML with the place of every node, and the faults that are reported with these places."""

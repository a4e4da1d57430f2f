"""YAML source with the place of every node, and the faults reported against these places."""

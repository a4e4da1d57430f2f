"""KFA, the ministry's dictionary of medicines and devices, as one site of the box."""

"""KFA, the ministry's dictionary of medicines and devices, as a site of the sandbox."""

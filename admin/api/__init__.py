"""The HTTP interface for the clinics' systems."""

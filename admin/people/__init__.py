"""Users, administrators and permissions."""

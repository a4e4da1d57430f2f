"""What every request passes: access rights, errors, bodies, limits, security headers."""

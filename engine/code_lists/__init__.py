"""Local copies of the upstreams' code lists, read by schedule and on request."""

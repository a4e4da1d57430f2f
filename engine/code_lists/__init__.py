"""Copies of the upstreams' reference data, read by schedule and on request."""

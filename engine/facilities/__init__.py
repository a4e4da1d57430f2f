"""Clinics with their credentials, tokens and keys."""

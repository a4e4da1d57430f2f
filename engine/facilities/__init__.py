"""Clinics with their credentials, tokens and API keys."""

"""The dashboard: cards of the types, and what to do first."""

"""Reads the databases of clinics' systems: rounds by schedule, a ledger of rows, and what follows from their end."""

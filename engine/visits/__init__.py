"""Which deliveries belong to a visit, and which numbers find a patient."""

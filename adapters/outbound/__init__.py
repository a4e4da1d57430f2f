"""The outbound guard: connections to addresses that a person has entered lead only where the operator allows."""

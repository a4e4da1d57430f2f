"""HTTP interface for the clinic's system: records, deliveries, inbound calls, health, metrics."""

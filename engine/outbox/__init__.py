"""The outbox: the only writer of deliveries."""

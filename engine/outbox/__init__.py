"""The only writer of deliveries: add, claim, settle, resend, reclaim."""

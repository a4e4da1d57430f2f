"""Bulk actions on deliveries, run in batches by any worker."""

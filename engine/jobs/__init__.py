"""Bulk actions on deliveries, run in steps by any worker."""

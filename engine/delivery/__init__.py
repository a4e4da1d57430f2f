"""Words of a delivery: status, lane, channel, lease, settlement, cause of failure."""

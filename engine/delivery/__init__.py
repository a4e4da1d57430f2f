"""The domain's words of a delivery: status, lane, channel, lease, settlement and causes of failure."""

"""A copy of the whole database taken while all goes on, and its return without sending anything twice."""

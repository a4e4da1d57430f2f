"""The hand-written tables that the catalogue is made of."""

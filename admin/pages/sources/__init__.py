"""Pages of sources: the databases of clinics that are read, how they are set up, and what was not taken of them."""

"""Pages for the integrator at the vendor of a clinic's system."""

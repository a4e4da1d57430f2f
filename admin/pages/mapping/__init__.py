"""Pages on which a clinic's things get their national codes."""

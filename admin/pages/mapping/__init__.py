"""Pages on which the items of a clinic get their national codes."""

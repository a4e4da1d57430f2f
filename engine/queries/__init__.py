"""Questions to the stored deliveries: lists, figures, failures, what to do next."""

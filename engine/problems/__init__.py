"""State of a problem that people keep: who looks after it, what they noted, and until when it is ignored."""

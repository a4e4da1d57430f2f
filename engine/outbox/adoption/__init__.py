"""Records that another program has sent before: their ids are taken over."""

"""One HTTP exchange: a lean transport of our own, and httpx's where a proxy is in the way."""

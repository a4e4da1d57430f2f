"""HTTP exchanges: our own lean transport, or httpx's transport if a proxy is set."""

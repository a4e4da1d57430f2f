"""Resources as the platform keeps them: definitions, code systems, paths, store, and the bodies of its errors."""

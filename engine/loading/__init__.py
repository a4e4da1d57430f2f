"""From YAML to believed entries: grammar, inheritance, upstreams, entries, examples."""

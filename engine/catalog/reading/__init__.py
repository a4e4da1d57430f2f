"""Reading of configuration files: grammar, values, inheritance, templates and examples."""

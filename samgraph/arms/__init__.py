"""The arms of a run: its models, a module each, and the registry that names them."""

"""Daily features of stocks by name: a registry, the published sets, and a user's own."""

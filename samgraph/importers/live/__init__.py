"""Asking vendors for their tables."""

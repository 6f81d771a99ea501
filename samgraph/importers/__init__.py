"""Vendors' tables turned into datasets in the form of docs/dataset.md; one module a source."""

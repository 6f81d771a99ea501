"""The error tree. Every message is one sentence: what is wrong, where, the value, and what to do.

    SamgraphError
    |- DatasetError    a table, a column or a row of a dataset
    |- GraphError      the Neo4j server or a query to it
    |- SnapshotError   an as-of day, a universe or a concept cut
    |- ConfigError     a setting
    |- ModelError      features, labels, training
    `- RunError        the files of a run, its stages

The command line prints the sentence and exits with status 1; it never shows a traceback for one of these.
"""


class SamgraphError(Exception):
    """Base of all errors that a user can act on."""


class DatasetError(SamgraphError):
    """A dataset's table, column or row cannot be used."""


class GraphError(SamgraphError):
    """The Neo4j server cannot be reached, started or asked."""


class SnapshotError(SamgraphError):
    """No snapshot exists for what was asked."""


class ConfigError(SamgraphError):
    """A setting is unknown, misspelt or out of range."""


class ModelError(SamgraphError):
    """Features, labels or training went wrong."""


class RunError(SamgraphError):
    """A run's folder or one of its stages is wrong."""

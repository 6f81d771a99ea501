"""The driver's errors as one sentence each: what, where, and what to do."""

from __future__ import annotations

import re

from neo4j import exceptions as driver

from samgraph.errors import GraphError

_LONGEST = 300
_CUT = (driver.ServiceUnavailable, driver.SessionExpired, driver.ResultFailedError, OSError)
_OLD = "Bolt Protocol"  # in what the driver says of a server whose protocol lacks what is asked of it
UNREACHED = (driver.ServiceUnavailable, driver.SessionExpired, driver.UnsupportedServerProduct, OSError)
_STOPPING = (  # what a server that is being stopped, or has just been started, says
    "Neo.TransientError.General.DatabaseUnavailable",
    "Neo.TransientError.Database.DatabaseUnavailable",
)


class LoginError(GraphError):
    """The server refused the user or the password."""


class CutError(GraphError):
    """The server went away, or the connection was cut, in the middle of what is not tried again by itself."""


def translated(error: Exception, what: str, where: str, *, tried_again: bool = False) -> GraphError:
    """What went wrong with `what` (a statement's file) at `where` (an address), for a user who can act on it."""
    at = f" at {where}" if where else ""
    code = str(getattr(error, "code", "") or "")
    if isinstance(error, driver.AuthError) or code.startswith("Neo.ClientError.Security"):
        return _login(code, at)
    cut = not tried_again and (isinstance(error, _CUT) or code in _STOPPING)
    return (CutError if cut else GraphError)(_sentence(error, code, what, at))


def _sentence(error: Exception, code: str, what: str, at: str) -> str:
    said = _first_line(error)
    if code == "Neo.ClientError.Database.DatabaseNotFound":
        return f"Neo4j{at} has no such database: set SAMGRAPH_NEO4J_DATABASE to one that exists ({said})."
    if "TransactionTimedOut" in code or "LockAcquisitionTimeout" in code:
        return (
            f"Neo4j{at} ended {what}, which took longer than it may: ask for less, or when it is less busy."
        )
    if "ConstraintValidationFailed" in code:
        return f"Neo4j{at} refused {what}, which would break a constraint: {said}."
    if "MemoryPoolOutOfMemory" in code or "OutOfMemory" in code:
        return (
            f"Neo4j{at} has too little memory for {what}: give it more (a local server: `samgraph neo4j stop`, "
            f"then SAMGRAPH_NEO4J_HEAP=4g), or ask for less ({said})."
        )
    if code.startswith("Neo.ClientError.Statement.ParameterMissing"):
        return f"{what} needs a parameter that was not given: {said}."
    if code.startswith("Neo.ClientError.Statement"):
        return f"Neo4j{at} does not understand {what}: {said}."
    if code.startswith(("Neo.TransientError", "Neo.DatabaseError")):
        return (
            f"Neo4j{at} could not finish {what}: {said} ({code}); try again, then look at the server's log."
        )
    if isinstance(error, _CUT):
        return (
            f"Neo4j{at} does not answer ({said}): see whether it runs (`samgraph neo4j status`) and whether "
            "SAMGRAPH_NEO4J_URI is right."
        )
    if isinstance(error, driver.UnsupportedServerProduct) or (
        isinstance(error, driver.ConfigurationError) and _OLD in said
    ):
        return f"Neo4j{at} is too old, or another product ({said}): samgraph needs Neo4j 5.26 or newer."
    if isinstance(error, (driver.ConfigurationError, ValueError)):
        return f"Neo4j{at} cannot be connected to as asked ({said}): write bolt://HOST:PORT or neo4j://HOST:PORT."
    return f"Neo4j{at} failed at {what}: {said}" + (f" ({code})." if code else ".")


def is_deadlock(error: GraphError) -> bool:
    """Whether the server rolled a transaction back, for good and for no other reason than a deadlock with another."""
    return "DeadlockDetected" in str(getattr(error.__cause__, "code", ""))


def _login(code: str, at: str) -> LoginError:
    if "AuthenticationRateLimit" in code:
        return LoginError(
            f"Neo4j{at} lets nobody in for some seconds after wrong passwords: wait, try again."
        )
    if "CredentialsExpired" in code:
        return LoginError(
            f"Neo4j{at} wants a new password first: log in with Neo4j Browser once and set one."
        )
    if "Forbidden" in code:
        return LoginError(f"Neo4j{at} does not let this user do that: set another SAMGRAPH_NEO4J_USER.")
    return LoginError(
        f"Neo4j{at} refused the user or the password: check SAMGRAPH_NEO4J_USER and SAMGRAPH_NEO4J_PASSWORD."
    )


def _first_line(error: Exception) -> str:
    own = error.args[0] if isinstance(error, driver.DriverError) and error.args else None
    said = str(
        own or getattr(error, "message", None) or error
    ).strip()  # str of a driver's error may be a code alone
    line = re.sub(r"\s+", " ", said.splitlines()[0]) if said else type(error).__name__
    line = re.sub(r" \(resolved to \(.*\)\)", "", line)  # the driver repeats the address
    return (line if len(line) <= _LONGEST else line[: _LONGEST - 1] + "…").rstrip(".:")

"""The errors a user can meet, each with the exit code of the command line.

A message has the value, the place and the next step. Codes: 0 done, 1 some cells failed, 2 bad input,
3 environment, 4 budget or capacity, 130 interrupted.
"""

from __future__ import annotations


class W2SError(Exception):
    """Base of every error raised on purpose."""

    exit_code = 1


class ConfigError(W2SError):
    """The input is wrong: YAML, a name, a parameter, a data file. Running it again cannot help."""

    exit_code = 2


class DataError(ConfigError):
    """A row or a column of a dataset cannot be used; the message names both."""


class EnvironmentFault(W2SError):
    """Something outside is missing or broken: the hub, a device, a package, a full disk."""

    exit_code = 3


class BudgetError(W2SError):
    """The work does not fit what was allowed: money, hours, memory, nodes."""

    exit_code = 4


class StageFailed(W2SError):
    """A stage could not be computed, by itself or because one of its inputs could not."""

    def __init__(self, key: str, cause: str) -> None:
        super().__init__(key, cause)
        self.key = key
        self.cause = cause

    def __str__(self) -> str:
        return f"{self.key}: {self.cause}"


class TrainingDiverged(W2SError):
    """The loss became NaN or infinite. The same numbers would come again, so it is not retried."""


class CorruptRecord(W2SError):
    """Files of a record do not match their digests: the artifact must not be used."""

"""Storage that fails, in words: which place, what happened, and what to do next."""

from __future__ import annotations

import contextlib
import errno
from collections.abc import Iterator

from w2s_ray.core.errors import EnvironmentFault

_FULL = (errno.ENOSPC, errno.EDQUOT, errno.EROFS, errno.EFBIG)
# Clients of object stores that raise classes of their own beside OSError.
_CLIENTS = ("botocore", "aiobotocore", "aiohttp", "gcsfs", "google")


@contextlib.contextmanager
def storage_errors(
    place: str, doing: str = "write", *, passing: tuple[type[Exception], ...] = ()
) -> Iterator[None]:
    """Turn an error of the storage at `place` into EnvironmentFault, except the classes in `passing`."""
    try:
        yield
    except passing:
        raise
    except Exception as error:
        if not isinstance(error, OSError) and type(error).__module__.split(".")[0] not in _CLIENTS:
            raise
        raise _fault(place, doing, error) from error


@contextlib.contextmanager
def full_disk_errors(place: str) -> Iterator[None]:
    """Turn a full or read-only disk, met by any code that writes at `place`, into EnvironmentFault."""
    try:
        yield
    except Exception as error:
        full = isinstance(error, OSError) and error.errno in _FULL
        if not full and "No space left on device" not in str(
            error
        ):  # formats wrap it in classes of their own
            raise
        if isinstance(error, EnvironmentFault):
            raise
        raise _fault(place, "write", error) from error


def redact(url: str) -> str:
    """A URL without its user and password."""
    scheme, separator, rest = url.partition("://")
    return f"{scheme}{separator}{rest.rsplit('@', 1)[-1]}" if separator else url


def _fault(place: str, doing: str, error: Exception) -> EnvironmentFault:
    cause = getattr(error, "strerror", None) or error or type(error).__name__
    step = (
        "make room, check the permissions or choose another store"
        if doing == "write"
        else "check the storage"
    )
    return EnvironmentFault(
        f"{redact(place)}: cannot {doing} ({cause}); {step}, "
        "then run the same command again: finished stages are kept"
    )

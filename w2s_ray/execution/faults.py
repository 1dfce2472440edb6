"""What Ray's errors mean to the broker: the stage's own error, memory that ran out, or a worker that is gone."""

from __future__ import annotations

import contextlib
from collections.abc import Iterator

from w2s_ray.core.errors import W2SError
from w2s_ray.execution.orders import OOM_SIGNS, WorkerLost, is_oom


@contextlib.contextmanager
def ray_errors() -> Iterator[None]:
    """Turn Ray's wrappers into what happened."""
    from ray.exceptions import RayError

    try:
        yield
    except RayError as error:
        raise meaning(error) from error


def meaning(error: Exception) -> Exception:
    """The error of our own code under the wrappers of Ray and of Ray Train, or `WorkerLost`.

    Of a gang, the worker that tells most: where one is gone or out of memory, the others only miss it.
    """
    cause = getattr(error, "cause", None)
    if isinstance(cause, Exception) and cause is not error:
        return meaning(cause)
    if failures := getattr(error, "worker_failures", None):
        return min(map(meaning, failures.values()), key=_vagueness)
    if isinstance(error, _losses()):
        started = not getattr(error, "actor_init_failed", False)
        return WorkerLost(gist(error)) if started else RuntimeError(gist(error))
    return error


def gist(error: BaseException) -> str:
    """The telling lines of Ray's long messages: the first, the last, and one that speaks of memory."""
    lines = [line.strip() for line in str(error).splitlines() if line.strip()] or [type(error).__name__]
    memory = [line for line in lines if any(sign in line for sign in OOM_SIGNS)]
    return " … ".join(dict.fromkeys([lines[0], *memory[:1], lines[-1]]))


def _losses() -> tuple[type[Exception], ...]:
    from ray import exceptions

    return (
        exceptions.RayActorError,
        exceptions.NodeDiedError,
        exceptions.LocalRayletDiedError,
        exceptions.WorkerCrashedError,
        exceptions.ObjectLostError,
    )


def _vagueness(error: Exception) -> int:
    if isinstance(error, W2SError):
        return 0
    if is_oom(error):
        return 1
    return 2 if isinstance(error, WorkerLost) else 3

"""The flavour of an error decides: a step that a `TransientError` stopped is tried again in its run, others fail it."""

import functools
from collections.abc import Callable, Iterator
from typing import ParamSpec, TypeVar

import dagster as dg

from core.errors import TransientError

P = ParamSpec("P")
R = TypeVar("R")
_ATTEMPTS = 2
_WAIT_S = 10.0


def retried(step: Callable[P, R]) -> Callable[P, R]:
    """A step that is tried twice more, ten seconds apart."""

    @functools.wraps(step)
    def attempt(*args: P.args, **kwargs: P.kwargs) -> R:
        try:
            return step(*args, **kwargs)
        except TransientError as error:
            raise dg.RetryRequested(max_retries=_ATTEMPTS, seconds_to_wait=_WAIT_S) from error

    return attempt


def retried_events(step: Callable[P, Iterator[R]]) -> Callable[P, Iterator[R]]:
    """The same for a step that yields its results."""

    @functools.wraps(step)
    def attempt(*args: P.args, **kwargs: P.kwargs) -> Iterator[R]:
        try:
            yield from step(*args, **kwargs)
        except TransientError as error:
            raise dg.RetryRequested(max_retries=_ATTEMPTS, seconds_to_wait=_WAIT_S) from error

    return attempt

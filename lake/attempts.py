"""A commit is tried again when it met another one; application transactions make that safe."""

from __future__ import annotations

import random
import time
from collections.abc import Callable

from deltalake.exceptions import CommitFailedError, DeltaError, SchemaMismatchError

from core.errors import GoldlayerError, TerminalError, TransientError
from lake.object_store import error_of

_ATTEMPTS = 12


def until_it_fits(attempt: Callable[[], int], *, columns: str, where: str) -> int:
    """Run a commit until it does not collide with another.

    Args:
        attempt: begins with a fresh handle; returns the version after the commit.
        columns: those of the rows, for the error.
        where: the table.

    Raises:
        TransientError: it collided every time, or the store failed.
        TerminalError: the table has another schema, or the store refuses.
    """
    problem: Exception | None = None
    for number in range(_ATTEMPTS):
        try:
            return attempt()
        except CommitFailedError as error:
            problem = error
            time.sleep(random.uniform(0, min(1.0, 0.01 * 2**number)))  # noqa: S311  spreads writers, no secret
        except SchemaMismatchError as error:
            raise TerminalError(
                "table was created with another schema", expected=columns, received=str(error), where=where
            ) from error
        except GoldlayerError:
            raise
        except OSError as error:
            raise error_of(error, where) from error
        except DeltaError as error:
            raise TransientError("commit failed", received=str(error), where=where) from error
    raise TransientError("commit collided with others every time", received=str(problem), where=where) from problem

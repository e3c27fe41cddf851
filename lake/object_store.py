"""The lake's store by hand, object by object: the door to obstore, and what a store's errors mean."""

from __future__ import annotations

import re
import shutil
import uuid
from collections.abc import Generator
from contextlib import contextmanager, suppress
from datetime import timedelta
from pathlib import Path
from typing import TYPE_CHECKING, Any

from core.errors import GoldlayerError, TerminalError, TransientError
from lake.storage import KINDS, Storage

if TYPE_CHECKING:
    from obstore.store import ObjectStore

_CLIENT = ("allow_http", "connect_timeout", "timeout")
_COLOURS = re.compile(r"\x1b\[[0-9;]*m|↳")


def store_of(storage: Storage, folder: str) -> ObjectStore:
    """The objects under a folder of the lake's root, with few retries: whoever looks by hand wants to know soon."""
    from obstore.store import LocalStore, from_url

    if storage.kind is None:
        path = Path(storage.root, folder)
        path.mkdir(parents=True, exist_ok=True)
        return LocalStore(path)
    options: dict[str, Any] = storage.revealed()
    client = {name: options.pop(name) for name in _CLIENT if name in options}
    if "allow_http" in client:
        client["allow_http"] = client["allow_http"] == "true"
    retries: Any = {"max_retries": 2, "retry_timeout": timedelta(seconds=10)}
    with told(storage.root):
        # Its overloads know each store's own options; these were checked against the kind of store.
        opened: Any = from_url
        return opened(f"{storage.root}/{folder}", config=options, client_options=client, retry_config=retries)


@contextmanager
def scratch(storage: Storage) -> Generator[tuple[str, ObjectStore]]:
    """A folder for a block, beside all tenants and no tenant's, and the objects under it; removed afterwards."""
    folder = f"_doctor/{uuid.uuid4().hex}"
    store = store_of(storage, folder)
    try:
        yield folder, store
    finally:
        # What cannot be removed is told of by whoever looks at permissions; here it must not hide another error.
        with suppress(GoldlayerError):
            remove_all(storage, store)
        if storage.kind is None:
            shutil.rmtree(Path(storage.root, folder), ignore_errors=True)
            for emptied in (Path(storage.root, "_doctor"), Path(storage.root)):
                with suppress(OSError):
                    emptied.rmdir()


def remove_all(storage: Storage, store: ObjectStore) -> list[str]:
    """Remove every object of a store; returns what is left.

    Raises:
        GoldlayerError: it is refused, or the store does not answer.
    """
    import obstore

    with told(storage.root):
        for page in obstore.list(store):
            obstore.delete(store, [one["path"] for one in page])
        return [one["path"] for page in obstore.list(store) for one in page]


@contextmanager
def told(where: str) -> Generator[None]:
    """Turn what obstore raises into an error of ours; an object that exists or does not is for the caller.

    Args:
        where: root of the lake, or a place in it.
    """
    from obstore.exceptions import AlreadyExistsError, BaseError

    try:
        yield
    except AlreadyExistsError:
        raise
    except FileNotFoundError as error:
        if "NoSuchBucket" not in str(error):
            raise
        raise error_of(error, where) from error
    except (BaseError, OSError) as error:
        raise error_of(error, where) from error


def error_of(error: Exception, where: str) -> GoldlayerError:
    """What a store's error means, as far as its words tell; the libraries' words hold no secrets.

    Args:
        error: of obstore or the Delta library.
        where: root of the lake, or a place in it.
    """
    said = " ".join(_COLOURS.sub("", str(error)).partition("Debug source:")[0].split())
    for words, what, next_step in _MEANINGS:
        if any(word in said for word in words):
            return TerminalError(what, received=said, where=where, next_step=next_step)
    if any(word in said for word in ("error sending request", "connection closed", "dns error")):
        next_step = f"look at {_endpoint_of(where)} and the network"
        return TransientError("the store does not answer", received=said, where=where, next_step=next_step)
    return TransientError("the store failed", received=said, where=where)


_MEANINGS = (
    (
        ("NoSuchBucket", "ContainerNotFound", "bucket does not exist"),
        "the store has no such bucket",
        "make it, or correct GOLDLAYER_LAKE__ROOT",
    ),
    (
        ("RequestTimeTooSkewed",),
        "this machine's clock is too far from the store's",
        "set the clock of this machine",
    ),
    (
        ("403 Forbidden", "401 Unauthorized", "AccessDenied", "Invalid Access Key", "GCP credential", "reading pem"),
        "the store refuses the key, or what it may do",
        "`platform lake doctor` says what is refused; `platform lake secret set` replaces a key",
    ),
)


def _endpoint_of(where: str) -> str:
    kind = KINDS.get(where.partition("://")[0])
    return kind.endpoint if kind else "the folder"

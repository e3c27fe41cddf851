"""Which contract is in force, and which shall be next: from the file on site, or pushed by the platform.

Whoever brings a contract only proposes it; the step that judges readings takes it up between two of them. What does not
fit is refused with its reason, and the one in force stays. The home folder remembers the text, so that a restart goes
on with what was in force.
"""

from __future__ import annotations

import hashlib
import sqlite3
from pathlib import Path

from bridge.store import Store, get_meta, set_meta, transaction
from core.contracts.data_contract import DataContract
from core.contracts.odcs import check_against_site, load_contract, parse_contract
from core.contracts.site import SiteFile
from core.errors import InputError
from core.log import get_logger

_log = get_logger("bridge")


def remember_contract(connection: sqlite3.Connection, contract: DataContract, file_sha256: str) -> None:
    """Note a contract that takes force, inside the caller's transaction."""
    set_meta(connection, "contract", contract.source)
    set_meta(connection, "contract_file", file_sha256)


def remembered(connection: sqlite3.Connection) -> tuple[DataContract, str] | None:
    """The contract that judged the last reading, and the SHA-256 of the file at that time; None in a new home."""
    source = get_meta(connection, "contract")
    if not source:
        return None
    return parse_contract(source, where="contract of the home folder"), get_meta(connection, "contract_file")


class Contracts:
    """The contract in force and the next one; used from the event loop.

    Args:
        site: what every contract has to fit.
        current: the one in force.
        file_sha256: SHA-256 of the file on site as it was when `current` took force.
    """

    def __init__(self, site: SiteFile, current: DataContract, file_sha256: str = "") -> None:
        self._site = site
        self.current = current
        self.file_sha256 = file_sha256
        self.next: DataContract | None = None
        self._seen = file_sha256

    @classmethod
    def begin(cls, store: Store, site: SiteFile, given: DataContract, file: Path | None) -> Contracts:
        """Go on with what the home folder remembers; what was given since then is proposed.

        Args:
            store: the home folder.
            site: the site.
            given: as the bridge was started.
            file: where that was read; None if it has no file.
        """
        digest = _digest(file) if file is not None else ""
        with store.writing() as connection:
            known = remembered(connection)
            if known is None:
                with transaction(connection):
                    remember_contract(connection, given, digest)
                return cls(site, given, digest)
        contract, seen = known
        found = cls(site, contract, seen)
        if not _fits(contract, site) or (file is None and given.sha256 != contract.sha256):
            found.propose(given, "start")
        elif file is not None:
            found._seen = digest
            found.look_at(file)
        return found

    def propose(self, contract: DataContract, origin: str) -> None:
        """Have a contract that fits take force at the next boundary."""
        self.next = None if contract.sha256 == self.current.sha256 else contract
        if self.next is not None:
            _log.info(
                "a new contract will take force",
                action="contract",
                origin=origin,
                contract=contract.id,
                version=contract.version,
                sha256=contract.sha256[:12],
            )

    def took_force(self, contract: DataContract) -> None:
        """The boundary is behind."""
        was, self.current = self.current, contract
        if self.next is contract:
            self.next = None
        _log.info("contract is in force", action="contract", was=was.version, version=contract.version)

    def offered(self, source: str, sha256: str) -> str | None:
        """Take what the platform says is in force.

        Returns:
            Why it is refused; None if it will take force.
        """
        try:
            if hashlib.sha256(source.encode()).hexdigest() != sha256:
                raise InputError("contract is not the one that was announced", where="platform")
            contract = parse_contract(source, where="platform")
            check_against_site(contract, self._site, where="platform")
        except InputError as error:
            self._refused(error)
            return str(error)
        self.propose(contract, "platform")
        return None

    def look_at(self, file: Path) -> None:
        """Take up the file on site if its text has changed, and then stayed as it is from one look to the next."""
        digest = _digest(file)
        settled, self._seen = digest == self._seen, digest
        if not digest or not settled or digest == self.file_sha256:
            return
        self.file_sha256 = digest
        try:
            contract = load_contract(file, self._site)
        except InputError as error:
            self._refused(error)
        else:
            self.propose(contract, str(file))

    def _refused(self, error: InputError) -> None:
        _log.error(
            "a new contract is not valid, the one in force stays",
            action="contract",
            in_force=self.current.version,
            error=str(error),
        )


def _digest(file: Path) -> str:
    """SHA-256 of a file; empty if it cannot be read: an editor may be about to put it back."""
    try:
        return hashlib.sha256(file.read_bytes()).hexdigest()
    except OSError:
        return ""


def _fits(contract: DataContract, site: SiteFile) -> bool:
    try:
        check_against_site(contract, site, where="contract of the home folder")
    except InputError as error:
        _log.warning("the remembered contract no longer fits the site", action="contract", error=str(error))
        return False
    return True

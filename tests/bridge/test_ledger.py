"""The books that stay on site: increments beside rows, the same sums whenever they are added up."""

from __future__ import annotations

from pathlib import Path

import numpy as np
import pytest

from bridge import ledger
from bridge.contract.counts import LOCAL_COLUMNS
from bridge.ledger import Ledger, ledger_lines
from bridge.store import Store, transaction

FLOW, LEVEL = ("p1", "flow"), ("p1", "level")


def line(number: int) -> list[int]:
    return [number * place for place in range(len(LOCAL_COLUMNS))]


@pytest.mark.parametrize("folded_after", [1, 3, 100])
def test_increments_add_up_over_restarts_and_rows_of_before(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, folded_after: int
) -> None:
    monkeypatch.setattr(ledger, "_FOLDED_AFTER", folded_after)
    with Store.open(tmp_path) as store, store.writing() as connection:
        marks = ", ".join("?" * (2 + len(LOCAL_COLUMNS)))
        connection.execute(f"insert into ledger values ({marks})", (*FLOW, *line(100)))
        books = Ledger(connection)
        for step in range(7):
            if step == 4:
                books = Ledger(connection)
            with transaction(connection):
                names = [FLOW, LEVEL] if step % 2 else [FLOW, FLOW]
                books.add(connection, names, np.array([line(1), line(10)], np.int64))
        assert ledger_lines(connection) == {FLOW: line(100 + 7 + 40), LEVEL: line(30)}
        with transaction(connection):
            books.fold(connection)
        assert connection.execute("select count(*) from ledger_steps").fetchone() == (0,)
        assert ledger_lines(connection) == {FLOW: line(147), LEVEL: line(30)}


def test_what_was_rolled_back_is_not_counted(tmp_path: Path) -> None:
    with Store.open(tmp_path) as store, store.writing() as connection:
        with pytest.raises(ZeroDivisionError), transaction(connection):
            Ledger(connection).add(connection, [FLOW], np.array([line(1)], np.int64))
            raise ZeroDivisionError
        assert ledger_lines(connection) == {}

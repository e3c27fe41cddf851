from cli.demo.summary import Readings

BALANCED = {
    "replayed": 100, "read": 100, "withheld": 10, "contracted": 90, "suppressed": 40, "aggregated": 20,
    "forwarded": 30, "windows": 5, "rules": 2, "sent": 37, "in_flight": 0, "bronze": 36, "silver": 34,
    "superseded": 1, "rejected": 1, "quarantined": 1, "gap_readings": 0, "lost": 0, "duplicated": 0,
}  # fmt: skip


def test_balanced_books_have_nothing_to_say():
    assert Readings(**BALANCED).unbalanced() == []


def test_every_term_matters():
    free = {"replayed", "gap_readings"}
    for term in set(BALANCED) - free:
        books = Readings(**(BALANCED | {term: BALANCED[term] + 1}))
        assert books.unbalanced(), term


def test_before_silver_its_equation_is_not_asked():
    early = {key: value for key, value in BALANCED.items() if key not in {"silver", "superseded", "rejected"}}
    assert Readings(**early).unbalanced() == []

from __future__ import annotations

import pytest
from argon2 import PasswordHasher

from core.errors import InputError
from core.identity.passwords import LONGEST, check_strength, hash_password, is_outdated, is_right


@pytest.mark.parametrize(
    "password",
    [
        "tiny",
        "ninechars",
        "x" * (LONGEST + 1),
        "password123",
        "Passw0rd!2024",
        "W3lcome2024",
        "Winter2026!",
        "1234567890",
        "0987654321",
        "qwertyuiop",
        "abcdefghijkl",
        "aaaaaaaaaaaa",
        "abababababab",
        "iloveyou!!!!",
        "ann.miller1",
        "Millermiller1",
        "acme-works9",
    ],
)
def test_what_is_guessed_first_is_refused_without_repeating_it(password: str):
    with pytest.raises(InputError) as refused:
        check_strength(password, "ann.miller@acme-works.example", "Ann Miller", "Acme Works")

    assert password not in str(refused.value)


@pytest.mark.parametrize(
    "password",
    [
        "a long enough password",
        "tr0ub4dor&3xy",
        "8273645192",
        "Überschrift im Heft",
        "ann sold nine blue kettles",
        "🔑" * 4 + "und mehr",
    ],
)
def test_no_composition_is_demanded(password: str):
    check_strength(password, "ann.miller@acme-works.example", "Ann Miller", "Acme Works")


async def test_a_password_is_known_again_however_it_was_composed():
    kept = await hash_password("Überschrift im Heft")

    assert await is_right("U\u0308berschrift im Heft", kept)
    assert not await is_right("Uberschrift im Heft", kept)
    assert not await is_right("Überschrift im Heft" + " " * LONGEST, kept)
    assert not await is_right("anything", None)
    assert not await is_right("anything", "not a hash")
    assert not is_outdated(kept)
    assert is_outdated(PasswordHasher(time_cost=1, memory_cost=64, parallelism=1).hash("x"))


async def test_half_a_character_is_a_wrong_password_and_no_mishap():
    kept = await hash_password("a whole sentence of words")

    assert not await is_right("a whole sentence of word\ud800", kept)
    assert not await is_right("\ud800", None)

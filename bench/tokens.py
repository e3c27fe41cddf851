"""What checking an access token costs: ours against PyJWT alone, and against itself once a token is known.

`check` verifies tokens it has never seen, as ours does for the first request of a token; both sides do the same
cryptography and the same checks of claims, and the bare one is told the key instead of finding it by the token's id.
`known` verifies them again, as for every later request.
"""

from __future__ import annotations

import shutil
import tempfile
from datetime import timedelta
from pathlib import Path
from uuid import uuid4

import jwt

from bench.claim import Claim, paired
from core.identity.signing import KeyRing
from core.identity.tokens import AUDIENCE, ISSUER, REQUIRED, Claims, TokenKeys
from core.run.folder import RunFolder
from core.settings import Settings

TARGET_CHECK, TARGET_KNOWN = 1.3, 0.1
TOKENS, PAIRS = 300, 41
_HOUR = timedelta(hours=1)


def _claims(run: RunFolder) -> list[Claim]:
    keys = TokenKeys(run, _HOUR)
    keys.rotate()  # As after a rotation: two keys are good, and ours has to choose.
    tokens = [keys.sign(Claims(uuid4(), uuid4(), "bench-co", 1, uuid4())) for _ in range(TOKENS)]
    public = KeyRing(run).signing()[1].public_key()

    def bare() -> None:
        for token in tokens:
            jwt.decode(
                token, public, algorithms=["EdDSA"], audience=AUDIENCE, issuer=ISSUER, options={"require": REQUIRED}
            )

    def check() -> None:
        keys.forget()
        known()

    def known() -> None:
        for token in tokens:
            keys.verify(token)

    checked = paired("tokens check", check, bare, target=TARGET_CHECK, pairs=PAIRS)
    return [checked, paired("tokens known", known, bare, target=TARGET_KNOWN, pairs=PAIRS)]


def claims() -> list[dict[str, object]]:
    """Medians in seconds for all tokens of one round."""
    folder = Path(tempfile.mkdtemp(prefix="goldlayer-bench-"))
    folder.chmod(0o711)
    print(f"tokens: {PAIRS} pairs of {TOKENS} tokens; both sides: Ed25519, the same claims demanded")
    try:
        return [claim.as_dict() for claim in _claims(RunFolder.open(folder / "run", Settings()))]
    finally:
        shutil.rmtree(folder, ignore_errors=True)

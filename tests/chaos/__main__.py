"""`make chaos`: a line a round, the figures as JSON in the last; exit code 1 if a round shows what must not be."""

from __future__ import annotations

import argparse
import asyncio
import json
import random
import sys
import tempfile
from pathlib import Path

from core import log
from tests.chaos.rounds import rounds, seed_of


def main() -> int:
    """Run the rounds asked for."""
    parser = argparse.ArgumentParser(prog="chaos", description=__doc__)
    parser.add_argument("--rounds", type=int, default=20)
    parser.add_argument("--log", choices=("postgres", "kafka"), default="postgres")
    parser.add_argument("--seed", type=int, help="drawn if not given; a folder keeps the one it began with")
    parser.add_argument("--run", type=Path, help="run folder, to go on later; a temporary one if not given")
    asked = parser.parse_args()
    log.configure("error")
    folder = (asked.run or Path(tempfile.mkdtemp(prefix="goldlayer-chaos-"))).absolute()
    folder.mkdir(mode=0o711, parents=True, exist_ok=True)
    folder.chmod(0o711)
    seed = seed_of(folder, asked.seed if asked.seed is not None else random.SystemRandom().randrange(1_000_000))
    print(f"run folder {folder}, seed {seed}", file=sys.stderr, flush=True)
    return asyncio.run(_run(folder, asked.rounds, seed, kafka=asked.log == "kafka"))


async def _run(folder: Path, count: int, seed: int, *, kafka: bool) -> int:
    lost = duplicated = in_gaps = kills = in_flight = seen = wrong = 0
    async for one in rounds(folder, count, seed, kafka=kafka):
        print(one, flush=True)
        for words in one.judgement.wrong:
            print(f"  WRONG: {words}", flush=True)
        # Each judgement is about everything since the first round.
        lost, duplicated, in_gaps = one.judgement.lost, one.judgement.duplicated, one.judgement.gap_readings
        kills, in_flight, seen = kills + one.kills, in_flight + one.in_flight, seen + 1
        wrong += len(one.judgement.wrong)
        if one.judgement.wrong:
            break
    figures = {"rounds": seen, "lost": lost, "duplicated": duplicated, "gap_readings": in_gaps, "seed": seed}
    print(f"{kills} kills, {in_flight} of them with a batch in flight", flush=True)
    print(json.dumps(figures), flush=True)
    return 1 if wrong or lost or duplicated else 0


if __name__ == "__main__":
    sys.exit(main())

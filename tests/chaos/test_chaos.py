"""A few rounds of what `make chaos` runs by the dozen."""

from pathlib import Path

import pytest

from tests.chaos.rounds import rounds

pytestmark = pytest.mark.end_to_end


@pytest.mark.long
async def test_nothing_is_lost_whatever_dies(reachable: Path):
    seen = [one async for one in rounds(reachable / "run", 2, seed=11, kafka=False)]
    assert [(one.judgement.wrong, one.judgement.lost, one.judgement.duplicated) for one in seen] == [([], 0, 0)] * 2
    assert seen[-1].judgement.bronze > 0
    assert sum(one.kills for one in seen) > 0

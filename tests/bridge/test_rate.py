"""So many a second: a burst of one second's worth, then a steady stream."""

from bridge.rate import Rate


def test_a_second_of_burst_then_a_steady_stream():
    now = [0.0]
    rate = Rate(10, clock=lambda: now[0])
    assert rate.allowed() == 10
    rate.took(10)
    assert rate.allowed() == 0
    now[0] = 0.55
    assert rate.allowed() == 5
    rate.took(5)
    now[0] = 100.0
    assert rate.allowed() == 10


def test_a_slow_rate_still_lets_one_through():
    now = [0.0]
    rate = Rate(0.5, clock=lambda: now[0])
    assert rate.allowed() == 1
    rate.took(1)
    now[0] = 1.9
    assert rate.allowed() == 0
    now[0] = 2.1
    assert rate.allowed() == 1

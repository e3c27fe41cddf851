from core.contracts.data_contract import Deadband, Rule, Window


def test_deadband_hides_what_is_close():
    assert Deadband(absolute=0.5).hides(10.0, 10.5)
    assert not Deadband(absolute=0.5).hides(10.0, 10.6)
    assert Deadband(percent=10).hides(-10.0, -11.0)
    assert not Deadband(percent=10).hides(0.0, 0.1)


def test_rules_have_hysteresis():
    rule = Rule(
        name="hot", equipment_type="pump", signal="flow", raise_when=">", threshold=5, clear_at=4, fault_code="F",
        severity=80, message="m",
    )  # fmt: skip
    assert not rule.holds(4.5, raised=False)
    assert rule.holds(4.5, raised=True)
    assert not rule.holds(4.0, raised=True)


def test_window_lengths():
    window = Window(every="PT6H", aggregates=("mean",), lateness="PT30M")
    assert (window.every_us, window.lateness_us) == (21_600_000_000, 1_800_000_000)

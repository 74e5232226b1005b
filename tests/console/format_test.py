"""Durations and rates as they are printed."""

from s4al_jax.console.format import duration, rate_and_time_left


def test_durations_are_printed_in_the_unit_that_fits() -> None:
    assert [duration(s) for s in (0.4, 99, 100, 3600, 7200)] == [
        "0 s",
        "99 s",
        "2 min",
        "60 min",
        "2.0 h",
    ]
    assert rate_and_time_left(0.25, 1200) == "4.00 steps/s, 5 min left"

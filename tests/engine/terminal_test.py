"""What is said to the person who waits."""

import io
import types

import pytest

from s4al_jax.engine import terminal as terminal_module
from s4al_jax.engine.terminal import Terminal, duration, pace


def test_elsewhere_than_on_a_terminal_progress_is_plain_lines() -> None:
    out = io.StringIO()
    terminal = Terminal(out)
    terminal.progress("epoch 1")
    terminal.say("done")
    assert out.getvalue() == "epoch 1\ndone\n"


def test_times_are_said_as_people_say_them() -> None:
    assert [duration(s) for s in (0.4, 99, 100, 3600, 7200)] == [
        "0 s",
        "99 s",
        "2 min",
        "60 min",
        "2.0 h",
    ]
    assert pace(0.25, 1200) == "4.00 steps/s, 5 min left"


def test_a_countdown_speaks_now_and_then_and_estimates_what_is_left(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    clock = iter([100.0, 104.0, 110.0, 111.0, 130.0])
    own_time = types.SimpleNamespace(monotonic=lambda: next(clock))
    monkeypatch.setattr(terminal_module, "time", own_time)
    out = io.StringIO()
    progress = Terminal(out).countdown("images read")
    for done in (1, 5, 6, 15):
        progress(done, 20)
    assert out.getvalue().splitlines() == [
        "5 of 20 images read, 30 s left",
        "15 of 20 images read, 10 s left",
    ]


def test_a_line_on_a_terminal_is_overwritten_by_the_next() -> None:
    out = io.StringIO()
    out.isatty = lambda: True  # type: ignore[method-assign]
    terminal = Terminal(out)
    terminal.progress("epoch 1")
    terminal.progress("epoch 2")
    terminal.say("done")
    start = "\r\033[K"
    assert out.getvalue() == f"{start}epoch 1{start}epoch 2{start}done\n"

"""What is said to the person who waits."""

import io
import types

import pytest

from s4al_jax.console import terminal as terminal_module
from s4al_jax.console.terminal import Terminal
from tests.support.screen_reader import Glass, Pseudo


def test_elsewhere_than_on_a_terminal_an_epoch_is_a_plain_line_and_facts_are_silent() -> None:
    out = io.StringIO()
    with Terminal(out) as terminal:
        terminal.tell(doing="training", cycle=0, epochs=2, steps=4)
        terminal.epoch_over(
            epoch=1, phase="warmup", step=2, seconds=0.5, images=4, metrics={"loss": 2}
        )
        terminal.say("done")
    assert out.getvalue() == (
        "cycle 0  epoch 1/2  warmup  loss 2.000  2.00 steps/s, 1 s left\ndone\n"
    )


def test_a_fact_that_nobody_knows_is_refused() -> None:
    with pytest.raises(ValueError, match="epcoh"):
        Terminal(io.StringIO()).tell(epcoh=1)


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


@pytest.mark.parametrize("no_color", ["", "1"])
def test_on_a_terminal_facts_are_shown_until_an_error_and_then_gone(
    no_color: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("TERM", "xterm")
    monkeypatch.setenv("NO_COLOR", no_color)
    pseudo = Pseudo()
    with pytest.raises(RuntimeError), Terminal(pseudo.out) as terminal:
        terminal.tell(doing="reading")
        terminal.say("ordinary")
        terminal.tell(share=0.5)
        raise RuntimeError
    text = pseudo.closed()
    assert ("\033[1m" in text) == (not no_color)
    shown = text[: text.rindex("\r\033[J")]
    glass = Glass(80)
    glass.feed(shown)
    assert glass.above == ["ordinary"]
    assert glass.below == [
        "now       reading",
        "budget    50.00 % labeled, 0 regions bought, 0 still to buy",
    ]
    glass.feed(text[len(shown) :])
    assert glass.rows == ["ordinary", ""]


def test_on_a_dumb_terminal_lines_are_plain(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("TERM", "dumb")
    pseudo = Pseudo()
    with Terminal(pseudo.out) as terminal:
        terminal.tell(doing="reading")
        terminal.say("ordinary")
    assert pseudo.closed() == "ordinary\r\n"

"""Lines and progress, as a terminal, a dumb terminal and a file get them."""

import io
import sys
import threading
import types

import pytest
from rich.table import Table

from s4al_jax.console import terminal as terminal_module
from s4al_jax.console.terminal import Terminal, print_table, watch
from tests.support.screen_reader import PseudoTerminal, Screen


def test_elsewhere_than_on_a_terminal_an_epoch_is_a_plain_line_and_facts_print_nothing() -> None:
    out = io.StringIO()
    with Terminal(out) as terminal:
        terminal.update(doing="training", cycle=0, epochs=2, steps=4)
        terminal.end_epoch(
            epoch=1,
            stage="warmup",
            step=2,
            seconds_per_step=0.5,
            images_per_step=4,
            metrics={"loss": 2},
        )
        terminal.print_line("done")
    assert out.getvalue() == (
        "cycle 0  epoch 1/2  warmup  loss 2.000  2.00 steps/s, 1 s left\ndone\n"
    )


def test_a_fact_that_nobody_knows_is_refused() -> None:
    with pytest.raises(ValueError, match="epcoh"):
        Terminal(io.StringIO()).update(epcoh=1)


def test_a_listener_hears_the_same_facts() -> None:
    heard: list[dict] = []
    terminal = Terminal(io.StringIO(), listener=lambda **facts: heard.append(facts))
    terminal.update(cycle=1, step=3)
    terminal.end_epoch(epoch=1)
    assert heard == [{"cycle": 1, "step": 3}, {"epoch": 1}]


def test_a_countdown_prints_now_and_then_and_estimates_what_is_left(
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
    pseudo = PseudoTerminal()
    with pytest.raises(RuntimeError), Terminal(pseudo.out) as terminal:
        terminal.update(doing="reading")
        terminal.print_line("ordinary")
        terminal.update(labeled_share=0.5)
        raise RuntimeError
    text = pseudo.close()
    assert ("\033[1m" in text) == (not no_color)
    assert ("\033[0m" in text) == (not no_color), "no styles of any kind"
    shown = text[: text.rindex("\r\033[J")]
    screen = Screen(80)
    screen.feed(shown)
    assert screen.above == ["ordinary"]
    assert screen.below == [
        "now       reading",
        "budget    50.00 % labeled, 0 regions annotated, 0 to go",
    ]
    screen.feed(text[len(shown) :])
    assert screen.rows == ["ordinary", ""]


def test_on_a_dumb_terminal_lines_are_plain(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("TERM", "dumb")
    pseudo = PseudoTerminal()
    with Terminal(pseudo.out) as terminal:
        terminal.update(doing="reading")
        terminal.print_line("ordinary")
    assert pseudo.close() == "ordinary\r\n"


def table() -> Table:
    found = Table("name", "words", box=None, pad_edge=False)
    found.add_row("[a]", " ".join(["word"] * 12))
    return found


def test_a_table_is_fitted_to_a_terminal_and_whole_in_a_file() -> None:
    out = io.StringIO()
    print_table(table(), out)
    head, row = out.getvalue().splitlines()
    assert head.split() == ["name", "words"] and row.rstrip() == f"[a]   {'word ' * 12}".rstrip()


def test_watching_prints_one_table_below_the_other_into_a_file(
    monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    rounds = iter(range(3))

    def render() -> Table:
        if next(rounds) == 2:
            raise KeyboardInterrupt
        return table()

    watch(render, 0.01)
    assert capsys.readouterr().out.count("[a]") == 2


def test_watching_replaces_the_table_on_a_terminal(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("TERM", "xterm")
    pseudo = PseudoTerminal(columns=40)
    monkeypatch.setattr(sys, "stdout", pseudo.out)
    rounds, shown = iter(range(3)), threading.Event()

    def render() -> str:
        if (number := next(rounds)) == 2:
            screen = Screen(40)
            screen.feed(pseudo.text)
            if screen.rows == ["", "round 1"]:
                shown.set()
            raise KeyboardInterrupt
        return f"round {number}"

    watch(render, 0.8)  # the region is redrawn twice a second
    assert shown.is_set()
    screen = Screen(40)
    screen.feed(pseudo.close())
    assert screen.rows == [""]

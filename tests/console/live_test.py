"""A region stays at the bottom of a terminal, tears no other line, and leaves nothing behind."""

import contextlib
import io
import os
import sys
import threading
import time
from collections.abc import Callable, Iterator, Sequence

import pytest
from rich.text import Text

from s4al_jax.console.live import LiveRegion, leave_terminals, supports_live
from tests.support.screen_reader import PseudoTerminal, Screen

PANEL = ["now       training", "cycle     0"]


@pytest.fixture
def pseudo(monkeypatch: pytest.MonkeyPatch) -> Iterator[PseudoTerminal]:
    monkeypatch.setenv("TERM", "xterm")
    terminal = PseudoTerminal(columns=40, rows=10)
    yield terminal
    terminal.close()


@contextlib.contextmanager
def region(pseudo: PseudoTerminal, lines: Sequence[str] = PANEL) -> Iterator[LiveRegion]:
    """A started region of some lines, which may change."""
    live = LiveRegion(pseudo.out, lambda: Text("\n".join(lines)))
    live.start()
    try:
        yield live
    finally:
        live.stop()


def screen(text: str, columns: int = 40) -> Screen:
    """What a terminal shows after some output."""
    shown = Screen(columns)
    shown.feed(text)
    return shown


def eventually(holds: Callable[[], bool]) -> bool:
    deadline = time.monotonic() + 10
    while not holds() and time.monotonic() < deadline:
        time.sleep(0.02)
    return holds()


def test_printed_lines_scroll_by_above_and_stay_when_the_region_is_gone(
    pseudo: PseudoTerminal,
) -> None:
    printed = [f"line {number}" for number in range(20)]
    with region(pseudo) as live:
        for line in printed:
            live.console.print(line)
        assert eventually(lambda: screen(pseudo.text).rows == [*printed, "", *PANEL])
    assert screen(pseudo.close()).rows == [*printed, ""]


def test_it_is_gone_when_the_process_is_about_to_end_and_lines_can_still_be_printed(
    pseudo: PseudoTerminal,
) -> None:
    with region(pseudo) as live:
        assert eventually(lambda: screen(pseudo.text).rows == ["", *PANEL])
        leave_terminals()
        live.console.print("last line")
        live.refresh()
        assert eventually(lambda: screen(pseudo.text).rows == ["last line", ""])
    assert screen(pseudo.close()).rows == ["last line", ""]


def test_nothing_is_written_by_its_thread_after_it_was_stopped(pseudo: PseudoTerminal) -> None:
    with region(pseudo):
        assert eventually(lambda: screen(pseudo.text).rows == ["", *PANEL])
    assert eventually(lambda: screen(pseudo.text).rows == [""])
    before = pseudo.text
    time.sleep(1.2)  # more than two redraws
    assert pseudo.text == before


def test_the_region_changes_in_place(pseudo: PseudoTerminal) -> None:
    lines = list(PANEL)
    with region(pseudo, lines) as live:
        lines[:] = ["now"]
        live.refresh()
        assert eventually(lambda: screen(pseudo.text).rows == ["", "now"])
        lines[:] = ["a", "b", "c"]
        assert eventually(lambda: screen(pseudo.text).rows == ["", "a", "b", "c"]), "by its thread"


def test_a_terminal_of_another_size_gets_lines_of_that_size(
    pseudo: PseudoTerminal, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("s4al_jax.console.live._REFRESHES_PER_SECOND", 1 / 60)  # none by itself
    long = Text("x" * 60 + "\n" + "y" * 60, no_wrap=True)
    live = LiveRegion(pseudo.out, lambda: long)
    live.start()
    live.console.print("ordinary")
    rows = ["ordinary", "", "x" * 39, "y" * 39]
    assert eventually(lambda: screen(pseudo.text).rows == rows)
    shown, before = screen(pseudo.text), len(pseudo.text)
    pseudo.resize(25, 10)
    shown.resize(25)
    assert shown.below == ["x" * 25, "x" * 14, "y" * 25, "y" * 14]
    live.refresh()
    assert eventually(lambda: pseudo.text[before:].endswith("A"))
    shown.feed(pseudo.text[before:])
    assert shown.above == ["ordinary"] and shown.below == ["x" * 24, "y" * 24]
    pseudo.resize(25, 3)
    live.refresh()
    assert eventually(lambda: screen(pseudo.text).rows == ["ordinary", ""]), "no room at all"
    live.stop()


def test_only_as_many_lines_are_shown_as_there_is_room_for(pseudo: PseudoTerminal) -> None:
    with region(pseudo, "abcdefghijklmnop"):
        # Ten rows: the row of the cursor, eight of the region, and one to spare.
        assert eventually(lambda: screen(pseudo.text).below == list("abcdefgh"))


def test_what_others_print_goes_above_and_the_streams_are_given_back(
    pseudo: PseudoTerminal, monkeypatch: pytest.MonkeyPatch
) -> None:
    file = io.StringIO()
    monkeypatch.setattr(sys, "stdout", pseudo.out)
    monkeypatch.setattr(sys, "stderr", file)
    with region(pseudo):
        print("one", "two\n[three]")
        print("x" * 50, "long")
        print("no end", end="")
        assert sys.stderr is file, "what goes to a file goes there"
        assert sys.stdout is not pseudo.out and sys.stdout.isatty()
    assert sys.stdout is pseudo.out
    broken = ["x" * 40, "x" * 10 + " long"]
    assert screen(pseudo.close()).rows == ["one two", "[three]", *broken, "no end", ""]


def test_a_line_that_c_plus_plus_writes_is_kept(pseudo: PseudoTerminal) -> None:
    with region(pseudo):
        os.write(pseudo.out.fileno(), b"E0000 from C++\n")
        assert eventually(lambda: screen(pseudo.text).rows == ["E0000 from C++", "", *PANEL])


def test_the_cursor_stays_visible(pseudo: PseudoTerminal) -> None:
    """A process that C++ ends could not show it again."""
    with region(pseudo) as live:
        live.console.print("ordinary")
    assert "\033[?25" not in pseudo.close()


def test_many_threads_that_print_at_once_tear_no_line(pseudo: PseudoTerminal) -> None:
    def talk(live: LiveRegion, name: str) -> None:
        for number in range(50):
            live.console.print(f"{name} {number}")
            live.refresh()

    with region(pseudo) as live:
        threads = [threading.Thread(target=talk, args=(live, name)) for name in "abc"]
        for thread in threads:
            thread.start()
        for thread in threads[:2]:
            thread.join()
    threads[2].join()  # it may print past the end of the region
    shown = screen(pseudo.close())
    for name in "abc":
        own = [row for row in shown.above if row.startswith(name)]
        assert own == [f"{name} {number}" for number in range(50)]
    assert len(shown.above) == 150 and shown.below == []


@pytest.mark.parametrize(
    ("term", "supported"), [("xterm", True), ("dumb", False), ("unknown", False), (None, False)]
)
def test_a_dumb_terminal_and_a_file_get_no_region(
    term: str | None, supported: bool, pseudo: PseudoTerminal, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.delenv("TERM", raising=False)
    if term:
        monkeypatch.setenv("TERM", term)
    assert supports_live(pseudo.out) is supported
    assert not supports_live(io.StringIO())

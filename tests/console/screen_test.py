"""Lines stay at the bottom, nothing else is torn, and nothing is left behind."""

import io
import os
import sys
import threading
import time
from collections.abc import Callable, Iterator

import pytest

from s4al_jax.console.screen import Screen, capable, leave_terminals
from tests.support.screen_reader import Glass, Pseudo

PANEL = ["now       training", "cycle     0"]


@pytest.fixture
def pseudo() -> Iterator[Pseudo]:
    made = Pseudo(columns=40, rows=10)
    yield made
    made.closed()


def seen(pseudo: Pseudo, columns: int = 40) -> Glass:
    glass = Glass(columns)
    glass.feed(pseudo.text)
    return glass


def eventually(look: Callable[[], bool]) -> bool:
    deadline = time.monotonic() + 10
    while not look() and time.monotonic() < deadline:
        time.sleep(0.02)
    return look()


def test_ordinary_lines_scroll_by_above_and_the_end_leaves_them_alone(pseudo: Pseudo) -> None:
    screen = Screen(pseudo.out, lambda columns: PANEL)
    with screen.open():
        for number in range(20):
            screen.write(f"line {number}\n")
        ordinary = [f"line {number}" for number in range(20)]
        assert eventually(lambda: seen(pseudo).rows == [*ordinary, "", *PANEL])
    glass = Glass(40)
    glass.feed(pseudo.closed())
    assert glass.rows == [*ordinary, ""]


def test_it_is_gone_when_the_process_is_about_to_end_and_lines_go_on(pseudo: Pseudo) -> None:
    screen = Screen(pseudo.out, lambda columns: PANEL)
    with screen.open():
        leave_terminals()
        screen.write("last words\n")
        screen.redraw()
        assert eventually(lambda: seen(pseudo).rows == ["last words", ""])
    glass = Glass(40)
    glass.feed(pseudo.closed())
    assert glass.rows == ["last words", ""]


def test_what_is_shown_changes_in_place(pseudo: Pseudo) -> None:
    shown = list(PANEL)
    screen = Screen(pseudo.out, lambda columns: shown)
    with screen.open():
        shown[:] = ["now"]
        screen.redraw()
        assert eventually(lambda: seen(pseudo).rows == ["", "now"])
        shown[:] = ["a", "b", "c"]
        assert eventually(lambda: seen(pseudo).rows == ["", "a", "b", "c"]), "by the clock"


def test_a_terminal_of_another_size_gets_lines_of_that_size(
    pseudo: Pseudo, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("s4al_jax.console.screen._SECONDS", 60.0)  # drawn when it is asked for
    screen = Screen(pseudo.out, lambda columns: ["x" * columns, "y" * columns])
    with screen.open():
        screen.write("ordinary\n")
        assert eventually(lambda: seen(pseudo).below == ["x" * 39, "y" * 39])
        glass, before = seen(pseudo), len(pseudo.text)
        pseudo.resize(25, 10)
        glass.resize(25)
        assert glass.below == ["x" * 25, "x" * 14, "y" * 25, "y" * 14]
        screen.redraw()
        assert eventually(lambda: f"\r\n{'x' * 24}\033" in pseudo.text[before:])
        time.sleep(0.02)
        glass.feed(pseudo.text[before:])
        assert glass.above == ["ordinary"] and glass.below == ["x" * 24, "y" * 24]
        pseudo.resize(25, 3)
        screen.redraw()
        assert eventually(lambda: pseudo.text.endswith("A\r\033[J")), "no room at all"


def test_only_as_many_lines_are_shown_as_there_is_room_for(pseudo: Pseudo) -> None:
    with Screen(pseudo.out, lambda columns: list("abcdefghijklmnop")).open():
        # Ten rows: the line of the cursor, eight of ours, and one to spare.
        assert eventually(lambda: seen(pseudo).below == list("abcdefgh"))


def test_what_others_print_goes_above_and_the_streams_are_given_back(
    pseudo: Pseudo, monkeypatch: pytest.MonkeyPatch
) -> None:
    errors, file = Pseudo(), io.StringIO()
    monkeypatch.setattr(sys, "stdout", pseudo.out)
    monkeypatch.setattr(sys, "stderr", file)
    with Screen(pseudo.out, lambda columns: PANEL).open():
        print("one", "two\nthree")
        print("no end", end="")
        assert sys.stderr is file, "what goes to a file goes there"
        assert sys.stdout is not pseudo.out and sys.stdout.isatty()
    assert sys.stdout is pseudo.out
    glass = Glass(40)
    glass.feed(pseudo.closed())
    assert glass.rows == ["one two", "three", "no end", ""]
    errors.closed()


def test_a_line_past_us_is_kept(pseudo: Pseudo) -> None:
    with Screen(pseudo.out, lambda columns: PANEL).open():
        os.write(pseudo.out.fileno(), b"E0000 from C++\n")
        assert eventually(lambda: seen(pseudo).rows == ["E0000 from C++", "", *PANEL])


def test_many_who_print_at_once_tear_no_line(pseudo: Pseudo) -> None:
    screen = Screen(pseudo.out, lambda columns: PANEL)

    def talk(name: str) -> None:
        for number in range(50):
            screen.write(f"{name} {number}\n")
            screen.redraw()

    with screen.open():
        threads = [threading.Thread(target=talk, args=(name,)) for name in "abc"]
        for thread in threads:
            thread.start()
        for thread in threads:
            thread.join()
    glass = Glass(40)
    glass.feed(pseudo.closed())
    for name in "abc":
        own = [row for row in glass.above if row.startswith(name)]
        assert own == [f"{name} {number}" for number in range(50)]
    assert len(glass.above) == 150 and glass.below == []


@pytest.mark.parametrize(("term", "able"), [("xterm", True), ("dumb", False), (None, False)])
def test_a_dumb_terminal_and_a_file_are_no_place_for_a_panel(
    term: str | None, able: bool, pseudo: Pseudo, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.delenv("TERM", raising=False)
    if term:
        monkeypatch.setenv("TERM", term)
    assert capable(pseudo.out) is able
    assert not capable(io.StringIO())

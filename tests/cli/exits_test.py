"""Every way in which a command ends has its exit code and says one line."""

import os
import signal
import sys
from collections.abc import Callable

import pytest

from s4al_jax.cli.exits import exit_code, terminate_as_interrupt
from s4al_jax.types import InputError


def raises(error: BaseException) -> Callable[[], int]:
    def command() -> int:
        raise error

    return command


@pytest.mark.parametrize(
    ("command", "code", "said"),
    [
        (lambda: None, 0, ""),
        (lambda: 0, 0, ""),
        (lambda: 1, 1, ""),
        (raises(InputError("a.png is broken: mend it")), 1, "error: a.png is broken: mend it\n"),
        (raises(SystemExit(2)), 2, ""),
        (raises(SystemExit()), 0, ""),
        (raises(SystemExit("error: no such file")), 1, "error: no such file\n"),
        (raises(KeyboardInterrupt()), 130, "\nStopped here.\n"),
    ],
)
def test_an_end_has_its_code(
    command: Callable[[], int], code: int, said: str, capsys: pytest.CaptureFixture[str]
) -> None:
    assert exit_code(command, stopped="Stopped here.") == code
    assert capsys.readouterr().err == said


def test_what_is_nobodys_mistake_is_a_traceback() -> None:
    for error in (ValueError("of our own"), ZeroDivisionError(), OSError()):
        with pytest.raises(type(error)):
            exit_code(raises(error))


def test_sigterm_unwinds_and_ends_with_143(capsys: pytest.CaptureFixture[str]) -> None:
    left = []

    def command() -> None:
        with terminate_as_interrupt():
            try:
                os.kill(os.getpid(), signal.SIGTERM)
                signal.pause()
            finally:
                left.append(sys.exc_info()[0])

    before = signal.getsignal(signal.SIGTERM)
    assert exit_code(command) == 143
    assert capsys.readouterr().err == "\nStopped; the same command goes on.\n"
    assert len(left) == 1 and left[0] and issubclass(left[0], KeyboardInterrupt)
    assert signal.getsignal(signal.SIGTERM) == before

"""A message is printed when a process ends without clearing it, however it ends."""

import subprocess
import sys
from pathlib import Path

import pytest

ROOT = Path(__file__).parents[2]
MESSAGE = "error: it's \\n 100 % $HOME\ngone"

ENDS = """
import os, signal
from s4al_jax.runtime.exit_message import exit_message
with exit_message() as message:
    message.set("an earlier one")
    message.set({message!r})
    {end}
    message.clear()
message.set("too late")
"""


def printed(end: str) -> str:
    """What comes out of a process that sets a message and ends in some way."""
    script = ENDS.format(message=MESSAGE, end=end)
    done = subprocess.run(
        [sys.executable, "-c", script], stderr=subprocess.PIPE, text=True, cwd=ROOT, timeout=60
    )
    return done.stderr


@pytest.mark.parametrize("end", ["os._exit(1)", "os.kill(os.getpid(), signal.SIGKILL)"])
def test_a_process_that_ends_at_once_has_its_last_message_printed(end: str) -> None:
    assert printed(end) == "error: it's \\n 100 % $HOME gone\n"


def test_a_message_that_was_cleared_is_not_printed() -> None:
    assert printed("pass") == ""

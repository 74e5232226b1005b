"""A message that is printed when this process ends abnormally, even if C++ ends it.

JAX ends a process whose peers are gone from a C++ thread, where no Python runs any more: no
exception, no `atexit`, no signal handler. Its client would take a Python callback for this
(`missed_heartbeat_callback` in jaxlib 0.10), but the status that it passes has no Python type, so
that the call itself aborts the process with `std::bad_cast`. A child process is what is left: it
reads messages from a pipe, and prints the last one when the pipe is closed by the end of this one.
"""

import contextlib
import subprocess
from collections.abc import Iterator

_PRINT_LAST_LINE = (
    'while read -r line; do last=$line; done; [ -z "$last" ] || printf "%s\\n" "$last" >&2'
)


class ExitMessage:
    """The message that is printed if this process ends now; none at first."""

    def __init__(self) -> None:
        self._child = subprocess.Popen(
            ["sh", "-c", _PRINT_LAST_LINE],
            stdin=subprocess.PIPE,
            stdout=subprocess.DEVNULL,
            text=True,
            start_new_session=True,  # a Ctrl-C at the terminal must not end it
        )

    def set(self, message: str) -> None:
        """Replace the message."""
        assert self._child.stdin is not None
        with contextlib.suppress(BrokenPipeError, ValueError):  # the child is gone, or was closed
            self._child.stdin.write(" ".join(message.split()) + "\n")
            self._child.stdin.flush()

    def clear(self) -> None:
        """Have nothing printed: the process ends normally, or says itself why it ends."""
        self.set("")

    def close(self) -> None:
        """End the child process without a message."""
        self.clear()
        assert self._child.stdin is not None
        with contextlib.suppress(BrokenPipeError):
            self._child.stdin.close()
        self._child.wait()


@contextlib.contextmanager
def exit_message() -> Iterator[ExitMessage]:
    """An `ExitMessage` that is cleared in the end."""
    message = ExitMessage()
    try:
        yield message
    finally:
        message.close()

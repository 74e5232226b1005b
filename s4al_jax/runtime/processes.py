"""Several processes that do one run together: how they meet, agree, and part.

Every process runs the same code on the same plan and takes the same turns. What may be done only
once (writing into the run's directory, asking a person) is done by process 0 inside `told`, and the
others hear what came of it. A process on its own finds here that it is the first and the only one.
"""

import contextlib
import hashlib
import json
import os
import subprocess
import sys
import time
import traceback
from collections.abc import Callable, Iterator, Mapping
from typing import Any, TypeVar

import jax

# What Orbax uses, too: JAX has no public way to the store that its processes share. A value there
# has any number of bytes and waits for the slowest without a device; `process_allgather` does not.
from jax._src import distributed

from s4al_jax.runtime.preemption import Preemption
from s4al_jax.types import AnnotationsPending, InputError

Value = TypeVar("Value")

MEETING_SECONDS = 300
"""How long a process waits for the others to start."""

SILENCE_SECONDS = 30
"""A process that is not heard of for so long is gone, and JAX ends all others."""

_PARTING_SECONDS = 5
_SIGHT_SECONDS = 60

_ALONE = (
    f"error: the processes of this run did not all meet within {MEETING_SECONDS} s: start the same "
    "command on all hosts, where all of them can reach the coordinator"
)
_GONE = (
    "error: another process of this run is gone, or this one was killed; its own output says why. "
    "Start the same command on all hosts again: the run goes on from its last checkpoint."
)
_STOPPED = "Stopped; the same command on all hosts goes on."
_RAISED: Mapping[str, type[Exception]] = {
    kind.__name__: kind for kind in (InputError, AnnotationsPending)
}


class CollectiveExit(Exception):
    """What all processes raise at the same place: they leave together."""


class _Company:
    """What this process knows of the others."""

    def __init__(self) -> None:
        self.store: Any = None
        self.process, self.count = 0, 1
        self.turn = 0
        self.leaving: Preemption | None = None
        self.last_words: Callable[[str], None] = lambda words: None
        """sets the line that is said when this process ends without taking it back"""
        self.busy = False
        """process 0 does something that the others hear of later: they take no part in it"""


_company = _Company()


def is_distributed() -> bool:
    """Whether this process has joined others (perhaps none)."""
    return _company.store is not None


def is_primary() -> bool:
    """Whether this is process 0, which alone writes and asks."""
    return _company.process == 0


def broadcast_from_primary(work: Callable[[], Value]) -> Value:
    """What `work` gives on process 0, which alone does it, on every process.

    It has to be something that JSON can say. `InputError` and `AnnotationsPending` are raised on
    every process. What process 0 wrote is there when the others go on.
    """
    if not is_distributed() or _company.busy:
        return work()
    key = _next_key("told")
    if not is_primary():
        return _spoken(_heard(key))
    _company.busy = True
    try:
        outcome = _outcome(work)
    finally:
        _company.busy = False
    _company.store.key_value_set(key, outcome)
    return _spoken(outcome)


def on_every_process(work: Callable[[], Value]) -> Value:
    """What `work` gives on this process, once all have done it.

    An `InputError` of one is raised on every process.
    """
    if not is_distributed() or _company.busy:
        return work()
    result: list[Value] = []
    for process, outcome in enumerate(_exchanged(_outcome(lambda: result.append(work())))):
        try:
            _spoken(outcome)
        except InputError as error:
            raise InputError(f"{error} (process {process})") from error
    return result[0]


def assert_equal_across_processes(what: str, value: object, advice: str) -> None:
    """Raise `InputError` on every process unless `value` (JSON, or bytes) is the same on all."""
    if not is_distributed() or _company.busy:
        return
    content = value if isinstance(value, bytes) else json.dumps(value, sort_keys=True).encode()
    found = _exchanged(hashlib.sha256(content).hexdigest())
    others = [process for process, digest in enumerate(found) if digest != found[0]]
    if others:
        raise InputError(f"{what} of process {others[0]} differs from that of process 0: {advice}")


def wait_until(look: Callable[[], bool]) -> bool:
    """Whether this process sees something by and by: file systems of several hosts take a while."""
    deadline = time.monotonic() + _SIGHT_SECONDS
    while not look():
        if time.monotonic() > deadline:
            return False
        time.sleep(0.1)
    return True


@contextlib.contextmanager
def join_processes(where: Mapping[str, Any] | None) -> Iterator[None]:
    """Do what is inside with other processes; `where` is what `jax.distributed.initialize` takes.

    None: alone. It has to come before JAX computes anything. Whoever leaves with an error that the
    others do not share ends without them: JAX then ends them, too, and each says so.
    """
    if where is None:
        yield
        return
    with _guard() as last_words:
        _company.last_words = last_words
        last_words(_ALONE)
        _join(where)
        last_words(_GONE)
        try:
            yield
        except BaseException as error:
            alike = (CollectiveExit, InputError, AnnotationsPending, KeyboardInterrupt)
            shared = isinstance(error, alike)
            if shared and _part():
                last_words("")
                raise
            if isinstance(error, InputError):
                last_words(f"error: {error}")
            elif isinstance(error, CollectiveExit):
                last_words(str(error))
            elif isinstance(error, KeyboardInterrupt):
                last_words(_STOPPED)
            _say(error)
            os._exit(1)
        if not _part():
            os._exit(1)
        last_words("")


def announce_preemption(signal: int) -> None:
    """Let the others know that this process was asked to stop."""
    if _company.leaving:
        _company.leaving.announce(signal)


def preemption_due() -> bool:
    """Whether all processes stop here, because one was asked to; all have to ask equally often."""
    return _company.leaving is not None and _company.leaving.due()


def preemption_signal() -> int:
    """The signal that some process has announced; 0: none."""
    return _company.leaving.signal if _company.leaving else 0


def clear_exit_message() -> None:
    """Take back the last words: this process says itself why it ends."""
    _company.last_words("")


def _join(where: Mapping[str, Any]) -> None:
    # With it a process would not end at SIGTERM; `runtime.preemption` does what it is for.
    jax.config.update("jax_enable_preemption_service", False)
    try:
        jax.distributed.initialize(
            **where,
            initialization_timeout=MEETING_SECONDS,
            heartbeat_timeout_seconds=SILENCE_SECONDS,
            shutdown_timeout_seconds=SILENCE_SECONDS,
        )
    except (ValueError, RuntimeError) as error:
        said = str(error).splitlines()[0]
        raise InputError(
            f"--distributed finds no cluster ({said}): give --coordinator, --num_processes and "
            "--process_id"
            if not where
            else f"cannot join the other processes: {said}"
        ) from error
    state = distributed.global_state
    _company.store, _company.process = state.client, state.process_id
    _company.count = state.num_processes
    _company.leaving = Preemption(state.client, _heard, state.process_id, state.num_processes)


def _part() -> bool:
    """Leave together with all others; False when some of them do not leave now."""
    try:
        _company.store.wait_at_barrier("s4al/parting", 1000 * _PARTING_SECONDS)
        if _company.leaving:
            _company.leaving.close()
        jax.distributed.shutdown()
    except jax.errors.JaxRuntimeError:
        return False
    _company.store = _company.leaving = None
    return True


@contextlib.contextmanager
def _guard() -> Iterator[Callable[[str], None]]:
    """A function that sets the line that is said when this process ends without taking it back.

    Another process says it: JAX ends a process whose peers are gone from C++, where no Python runs.
    """
    script = (
        'while read -r said; do words=$said; done; [ -z "$words" ] || printf "%s\\n" "$words" >&2'
    )
    guard = subprocess.Popen(
        ["sh", "-c", script],
        stdin=subprocess.PIPE,
        stdout=subprocess.DEVNULL,
        text=True,
        start_new_session=True,  # a Ctrl-C at the terminal is not for the guard
    )
    assert guard.stdin is not None
    pipe = guard.stdin

    def last_words(words: str) -> None:
        with contextlib.suppress(BrokenPipeError):
            pipe.write(" ".join(words.split()) + "\n")
            pipe.flush()

    try:
        yield last_words
    finally:
        last_words("")
        pipe.close()
        guard.wait()


def _say(error: BaseException) -> None:
    if isinstance(error, jax.errors.JaxRuntimeError):  # what a lost connection looks like
        print(str(error).splitlines()[0], file=sys.stderr)
    elif not isinstance(error, CollectiveExit | InputError | KeyboardInterrupt):
        traceback.print_exception(error)
    sys.stdout.flush()
    sys.stderr.flush()


def _next_key(kind: str) -> str:
    _company.turn += 1
    return f"s4al/{kind}/{_company.turn}"


def _outcome(work: Callable[[], Any]) -> str:
    """What came of it, as a text for other processes."""
    try:
        return json.dumps({"value": work()})
    except tuple(_RAISED.values()) as error:
        return json.dumps({"raised": type(error).__name__, "said": str(error)})


def _spoken(outcome: str) -> Any:
    told = json.loads(outcome)
    if "raised" in told:
        raise _RAISED[told["raised"]](told["said"])
    return told["value"]


def _exchanged(text: str) -> list[str]:
    """What every process says, by its number."""
    turn = _next_key("exchange")
    _company.store.key_value_set(f"{turn}/{_company.process}", text)
    return [_heard(f"{turn}/{process}") for process in range(_company.count)]


def _heard(key: str) -> str:
    """A text that some process gives, however long that takes; JAX ends us if it is gone."""
    while True:
        try:
            return _company.store.blocking_key_value_get(key, 10_000)
        except jax.errors.JaxRuntimeError as error:
            if "DEADLINE_EXCEEDED" not in str(error):
                raise

"""Several processes that do one run together: how they join, communicate, and exit.

Every process runs the same code on the same plan and makes the same calls here in the same order.
What may be done only once (writing into the run directory, asking a person) is done by process 0
inside `broadcast_from_primary`, and the others get its result. In a run of one process the
functions here do the work and nothing else.

Values travel through the key-value store of `jax.distributed` instead of
`jax.experimental.multihost_utils`, which passes arrays of one shape through a computation on all
devices: a process that waits there is given up by Gloo after 30 minutes, while process 0 may wait
for a person for days. Nor does JAX's preemption service do for stopping together, see
`runtime.preemption`.
"""

import contextlib
import hashlib
import json
import os
import sys
import time
import traceback
from collections.abc import Callable, Iterator, Mapping
from typing import Any, NoReturn, TypeVar

import jax

# JAX has no public access to the store that its processes share; Orbax imports it in this way, too.
from jax._src import distributed

from s4al_jax.runtime.exit_message import ExitMessage, exit_message
from s4al_jax.runtime.preemption import Preemption
from s4al_jax.types import AnnotationsPending, InputError

Value = TypeVar("Value")

JOIN_SECONDS = 300
"""How long a process waits for the others to start."""

HEARTBEAT_SECONDS = 30
"""A process without a heartbeat for so long is considered dead, and JAX ends all others."""

_LEAVE_SECONDS = 5
_VISIBLE_SECONDS = 60

_NOT_JOINED = (
    f"error: the processes of this run did not all meet within {JOIN_SECONDS} s: start the same "
    "command on all hosts, where all of them can reach the coordinator"
)
_PEER_GONE = (
    "error: another process of this run is gone, or this one was killed; its own output says why. "
    "Start the same command on all hosts again: the run goes on from its last checkpoint."
)
_STOPPED = "Stopped; the same command on all hosts goes on."
_BROADCAST_ERRORS: Mapping[str, type[Exception]] = {
    kind.__name__: kind for kind in (InputError, AnnotationsPending)
}


class CollectiveExit(Exception):
    """Raised by all processes at the same point, so that they can leave together."""


class _Group:
    """The processes of this run, as one of them sees it."""

    def __init__(self) -> None:
        self.store: Any = None
        self.process, self.count = 0, 1
        self.exchanges = 0
        """How many keys have been used up; the same in all processes."""
        self.preemption: Preemption | None = None
        self.exit_message: ExitMessage | None = None
        self.primary_only = False
        """Process 0 is inside a broadcast: the others take no part in what it does there."""


_group = _Group()


def is_distributed() -> bool:
    """Whether this process has joined a group (which may have no other members)."""
    return _group.store is not None


def is_primary() -> bool:
    """Whether this is process 0, which alone writes and asks."""
    return _group.process == 0


def broadcast_from_primary(work: Callable[[], Value]) -> Value:
    """Call `work` on process 0 alone, and return its result on every process.

    The result has to be JSON-serializable. `InputError` and `AnnotationsPending` are raised on
    every process. What process 0 has written is there when the others go on. The others wait as
    long as it takes, while a process that dies ends the wait.
    """
    if not _communicates():
        return work()
    key = _next_key("broadcast")
    if not is_primary():
        return _decode(_wait_for(key))
    # `work` may itself call functions of this module. The other processes do not make these calls,
    # so process 0 has to make them alone.
    _group.primary_only = True
    try:
        outcome = _encode(work)
    finally:
        _group.primary_only = False
    _group.store.key_value_set(key, outcome)
    return _decode(outcome)


def on_every_process(work: Callable[[], Value]) -> Value:
    """Call `work` on every process, and return this process's result when all have finished.

    An `InputError` of one process is raised on every process.
    """
    if not _communicates():
        return work()
    results: list[Value] = []

    def do_work() -> None:
        results.append(work())

    for process, outcome in enumerate(_exchange(_encode(do_work))):
        try:
            _decode(outcome)
        except InputError as error:
            raise InputError(f"{error} (process {process})") from error
    return results[0]


def assert_equal_across_processes(what: str, value: object, advice: str) -> None:
    """Raise `InputError` on every process unless `value` (JSON, or bytes) is the same on all."""
    if not _communicates():
        return
    content = value if isinstance(value, bytes) else json.dumps(value, sort_keys=True).encode()
    digests = _exchange(hashlib.sha256(content).hexdigest())
    different = [process for process, digest in enumerate(digests) if digest != digests[0]]
    if different:
        raise InputError(
            f"{what} of process {different[0]} differs from that of process 0: {advice}"
        )


def wait_until(condition: Callable[[], bool]) -> bool:
    """Wait up to a minute for a condition: what one host writes may reach others late."""
    deadline = time.monotonic() + _VISIBLE_SECONDS
    while not condition():
        if time.monotonic() > deadline:
            return False
        time.sleep(0.1)
    return True


@contextlib.contextmanager
def join_processes(arguments: Mapping[str, Any] | None) -> Iterator[None]:
    """Run the body together with other processes; this must precede any computation with JAX.

    An exception that all processes raise lets them leave together. A process that leaves with one
    of its own ends at once; JAX then ends the others, and each of them says so.

    Args:
        arguments: those of `jax.distributed.initialize`; None: there are no other processes.
    """
    if arguments is None:
        yield
        return
    with exit_message() as message:
        _group.exit_message = message
        message.set(_NOT_JOINED)
        _join(arguments)
        message.set(_PEER_GONE)
        try:
            yield
        except (CollectiveExit, InputError, AnnotationsPending, KeyboardInterrupt) as error:
            if _leave():
                message.clear()
                raise
            # Only this process has raised it, so the caller must not go on as if all had.
            message.set(_last_message(error))
            _exit_at_once(error)
        except BaseException as error:
            _exit_at_once(error)
        if not _leave():
            os._exit(1)
        message.clear()


def announce_preemption(signal: int) -> None:
    """Let the other processes know that this one was asked to stop."""
    if _group.preemption:
        _group.preemption.announce(signal)


def preemption_due() -> bool:
    """Whether all processes stop here, since one was asked to; all have to ask equally often."""
    return _group.preemption is not None and _group.preemption.due()


def preemption_signal() -> int:
    """The signal that some process has announced; 0: none."""
    return _group.preemption.signal if _group.preemption else 0


def clear_exit_message() -> None:
    """Have nothing printed about the end of this process: it says itself why it ends."""
    if _group.exit_message:
        _group.exit_message.clear()


def _communicates() -> bool:
    return is_distributed() and not _group.primary_only


def _join(arguments: Mapping[str, Any]) -> None:
    # Its handler would keep SIGTERM from `runtime.signals`; see `runtime.preemption`.
    jax.config.update("jax_enable_preemption_service", False)
    try:
        jax.distributed.initialize(
            **arguments,
            initialization_timeout=JOIN_SECONDS,
            heartbeat_timeout_seconds=HEARTBEAT_SECONDS,
            shutdown_timeout_seconds=HEARTBEAT_SECONDS,
        )
    except (ValueError, RuntimeError) as error:
        reason = str(error).splitlines()[0]
        raise InputError(
            f"cannot join the other processes: {reason}"
            if arguments
            else f"--distributed finds no cluster ({reason}): give --coordinator, --num_processes "
            "and --process_id"
        ) from error
    state = distributed.global_state
    _group.store, _group.process, _group.count = state.client, state.process_id, state.num_processes
    _group.preemption = Preemption(
        state.client, _wait_for, process=state.process_id, count=state.num_processes
    )


def _leave() -> bool:
    """Leave the group together with all others; False if some of them do not leave now."""
    try:
        _group.store.wait_at_barrier("s4al/leave", 1000 * _LEAVE_SECONDS)
        if _group.preemption:
            _group.preemption.close()
        jax.distributed.shutdown()
    except jax.errors.JaxRuntimeError:
        return False
    _group.store = _group.preemption = None
    return True


def _last_message(error: BaseException) -> str:
    """What is printed for an exception that the other processes do not share."""
    if isinstance(error, InputError):
        return f"error: {error}"
    if isinstance(error, KeyboardInterrupt):
        return _STOPPED
    return str(error) if isinstance(error, CollectiveExit) else _PEER_GONE


def _exit_at_once(error: BaseException) -> NoReturn:
    """End the process; unwinding further would wait for peers at every collective operation."""
    if isinstance(error, jax.errors.JaxRuntimeError):  # what a lost connection looks like
        print(str(error).splitlines()[0], file=sys.stderr)
    elif not isinstance(error, CollectiveExit | InputError | KeyboardInterrupt):
        traceback.print_exception(error)
    sys.stdout.flush()
    sys.stderr.flush()
    os._exit(1)


def _next_key(kind: str) -> str:
    _group.exchanges += 1
    return f"s4al/{kind}/{_group.exchanges}"


def _encode(work: Callable[[], Any]) -> str:
    """The result of `work`, or the error that it raises, as a text for other processes."""
    try:
        return json.dumps({"value": work()})
    except tuple(_BROADCAST_ERRORS.values()) as error:
        return json.dumps({"error": type(error).__name__, "message": str(error)})


def _decode(outcome: str) -> Any:
    """Return or raise what `_encode` has met."""
    content = json.loads(outcome)
    if "error" in content:
        raise _BROADCAST_ERRORS[content["error"]](content["message"])
    return content["value"]


def _exchange(text: str) -> list[str]:
    """The texts of all processes, in their order."""
    key = _next_key("exchange")
    _group.store.key_value_set(f"{key}/{_group.process}", text)
    return [_wait_for(f"{key}/{process}") for process in range(_group.count)]


def _wait_for(key: str) -> str:
    """The value of a key, once a process has set it; should that process die, JAX ends this one."""
    while True:
        try:
            return _group.store.blocking_key_value_get(key, 10_000)
        except jax.errors.JaxRuntimeError as error:
            if "DEADLINE_EXCEEDED" not in str(error):
                raise

"""Who listens to a run, whatever command started it: checkpoints, journal and terminal."""

from typing import Any

from s4al_jax.console.terminal import Terminal
from s4al_jax.engine.checkpoint import Checkpoints, Position
from s4al_jax.engine.train import Epoch
from s4al_jax.run.events import (
    Activity,
    BudgetSpent,
    EpochEnded,
    Evaluated,
    Event,
    Listener,
    Message,
    RunStarted,
    TrainingStarted,
)
from s4al_jax.rundir.journal import Journal
from s4al_jax.runtime import signals


def save_checkpoints(checkpoints: Checkpoints, *, learner: str, every_epochs: int) -> Listener:
    """Saves states of a learner, and stops the run after that if it was asked to stop."""

    def listen(event: Event) -> None:
        if not isinstance(event, EpochEnded) or event.learner != learner:
            return
        # Before it is evaluated, which may take long.
        due = event.is_evaluated or not event.is_whole or event.epoch % every_epochs == 0
        if not (due or signals.stop_requested()):
            return
        result = event.result
        checkpoints.save(
            event.number, Position(event.cycle, result.step), result.state, _record(result)
        )
        if signals.stop_after_saving():
            saved = f" after step {result.step} of cycle {event.cycle}, which is saved"
            raise signals.Stopped(saved)

    return listen


def _record(epoch: Epoch) -> dict[str, Any]:
    """What a checkpoint says of the epoch that its state ends or interrupts."""
    return {
        "stage": epoch.stage,
        "rows": list(epoch.rows),
        "seconds": epoch.seconds,
        "images": epoch.images,
    }


def write_journal(journal: Journal) -> Listener:
    """Appends a row for every epoch and evaluation, and forgets those that are done again."""

    def listen(event: Event) -> None:
        match event:
            case TrainingStarted():
                journal.rewind(event.kept_step)
            case EpochEnded():
                kind = "train" if event.learner == "task" else "train_acquisition"
                row = {"kind": kind, "cycle": event.cycle, "epoch": event.epoch}
                row |= {"stage": event.result.stage, **event.result.metrics}
                journal.write(event.number, row)
                if event.learner == "task":
                    journal.write_timing(event.number, event.result.seconds_per_step)
            case Evaluated():
                measures = {
                    f"{split}/{network}/{name}": value
                    for (network, split), values in event.measures.items()
                    for name, value in values.items()
                }
                row = {"kind": "evaluation", "cycle": event.cycle, "epoch": event.epoch}
                journal.write(event.number, {**row, **measures})

    return listen


def show_progress(terminal: Terminal) -> Listener:
    """Tells the person at the terminal where the run stands."""

    def listen(event: Event) -> None:
        match event:
            case RunStarted():
                terminal.update(cycles=event.cycles, steps=event.steps)
            case Activity():
                terminal.update(doing=event.text)
            case Message():
                terminal.print_line(event.text)
            case TrainingStarted():
                terminal.update(cycle=event.cycle, epochs=event.epochs, epoch=event.epoch)
                terminal.update(step=event.step, cycle_end_step=event.last_step, doing="training")
            case EpochEnded():
                terminal.end_epoch(
                    epoch=event.epoch,
                    stage=event.result.stage,
                    step=event.number,
                    seconds_per_step=event.result.seconds_per_step,
                    images_per_step=event.result.images,
                    metrics=event.result.metrics,
                )
            case Evaluated():
                _show_measures(terminal, event)
            case BudgetSpent():
                terminal.update(
                    labeled_share=event.share,
                    regions_labeled=event.annotated,
                    regions_to_label=event.remaining,
                )

    return listen


def _show_measures(terminal: Terminal, event: Evaluated) -> None:
    miou = {
        f"{split} {network}": values["miou"] or 0.0
        for (network, split), values in event.measures.items()
    }
    terminal.update(miou=miou)
    if miou:
        text = "  ".join(f"{name} {100 * value:.1f}" for name, value in miou.items())
        terminal.print_line(f"cycle {event.cycle}  epoch {event.epoch}  mIoU in %: {text}")

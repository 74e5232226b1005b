"""How durations and rates are printed."""


def duration(seconds: float) -> str:
    """`42 s`, `7 min` or `3.5 h`."""
    if seconds < 99.5:
        return f"{seconds:.0f} s"
    return f"{seconds / 60:.0f} min" if seconds < 99.5 * 60 else f"{seconds / 3600:.1f} h"


def rate(seconds_per_step: float) -> str:
    """`12.30 steps/s`."""
    return f"{1 / max(seconds_per_step, 1e-9):.2f} steps/s"


def rate_and_time_left(seconds_per_step: float, remaining_steps: int) -> str:
    """`12.30 steps/s, 4 min left`."""
    left = duration(remaining_steps * seconds_per_step)
    return f"{rate(seconds_per_step)}, {left} left"

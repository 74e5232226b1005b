"""Numbers as people say them."""


def duration(seconds: float) -> str:
    """`42 s`, `7 min` or `3.5 h`."""
    if seconds < 99.5:
        return f"{seconds:.0f} s"
    return f"{seconds / 60:.0f} min" if seconds < 99.5 * 60 else f"{seconds / 3600:.1f} h"


def rate(seconds: float) -> str:
    """`12.30 steps/s`, at so many seconds a step."""
    return f"{1 / max(seconds, 1e-9):.2f} steps/s"


def rate_and_time_left(seconds: float, remaining: int) -> str:
    """`12.30 steps/s, 4 min left`, at so many seconds a step and with so many steps to go."""
    return f"{rate(seconds)}, {duration(remaining * seconds)} left"

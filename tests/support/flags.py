"""How tests have programs compiled; not a test.

Compiling takes most of their time, and what is compiled runs for a moment: nothing is optimized.
"""

NOT_OPTIMIZED = (
    "--xla_backend_optimization_level=0",
    "--xla_llvm_disable_expensive_passes=true",
    "--xla_cpu_use_fusion_emitters=false",
)

ONE_DEVICE = {"XLA_FLAGS": " ".join(NOT_OPTIMIZED)}
"""For the environment of a process that shall not have the eight devices of the tests."""


def eight_devices(given: str) -> str:
    """The flags with which several devices are tested without any: one CPU is eight of them.

    Each flag once, in a process that a test starts, too: with other flags, it compiles all anew.
    """
    flags = ("--xla_force_host_platform_device_count=8", *NOT_OPTIMIZED)
    return " ".join([*given.split(), *(flag for flag in flags if flag not in given.split())])

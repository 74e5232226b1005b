"""`s4al` and its commands: what they are, how they help, and how they end."""

import subprocess
import sys
from pathlib import Path

import pytest

from s4al_jax import __version__
from s4al_jax.cli.main import COMMANDS, build_parser
from s4al_jax.config import names
from tests.conftest import Command

ROOT = Path(__file__).parents[2]
NAMES = (
    *("demo", "train", "plan", "profile", "status", "report"),
    *("export", "predict", "check", "prepare", "reproduce", "completion"),
)
HEAVY = ("jax", "flax", "optax", "matplotlib", "tensorflow", "tensorflow_datasets", "absl", "numpy")


def shown(command: Command, capsys: pytest.CaptureFixture[str], *arguments: str) -> list[str]:
    """The lines that a command which ends well prints."""
    assert command(*arguments) == 0
    said = capsys.readouterr()
    assert said.err == ""
    return said.out.splitlines()


def test_alone_it_lists_its_commands(command: Command, capsys: pytest.CaptureFixture[str]) -> None:
    lines = shown(command, capsys)
    listed = lines[lines.index("commands:") + 1 :]
    assert [line.split()[0] for line in listed[: len(NAMES)]] == list(NAMES)
    assert len(COMMANDS) == len(NAMES) and listed[len(NAMES)] == ""
    assert shown(command, capsys, "--help") == lines


@pytest.mark.parametrize("name", ["", *NAMES])
def test_the_help_fits_a_screen_and_has_an_example(
    name: str, command: Command, capsys: pytest.CaptureFixture[str]
) -> None:
    lines = shown(command, capsys, *([name] if name else []), "--help")
    assert len(lines) <= 24 and max(map(len, lines)) <= 80
    assert lines[0].startswith(f"usage: s4al {name}".rstrip())
    if name:
        example = lines[lines.index("example:") + 1]
        assert f"s4al {name} " in f"{example} "


def test_the_examples_are_understood() -> None:
    """As far as a parser can tell; what stands after a | or > is the shell's."""
    parser = build_parser()
    for name, command in parser._subparsers._group_actions[0].choices.items():  # type: ignore
        for line in command.epilog.splitlines()[1:]:
            words = [word for word in line.split() if not word.startswith("--config.")]
            if words[0] == "s4al":
                assert parser.parse_args(words[1:]).name == name


def test_no_help_imports_what_only_a_run_needs() -> None:
    code = (
        "import sys\n"
        "from s4al_jax.cli.main import main\n"
        f"codes = [main([*name.split(), '--help']) for name in {['', *NAMES]}]\n"
        f"print(codes, [name for name in {HEAVY} if name in sys.modules], file=sys.stderr)"
    )
    done = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, cwd=ROOT)
    assert done.stderr.strip() == f"{[0] * (len(NAMES) + 1)} []"


def test_the_module_is_the_command() -> None:
    done = subprocess.run(
        [sys.executable, "-m", "s4al_jax", "--version"], capture_output=True, text=True, cwd=ROOT
    )
    assert (done.stdout, done.returncode) == (f"{__version__}\n", 0)


def test_the_help_names_all_configurations_and_studies(
    command: Command, capsys: pytest.CaptureFixture[str]
) -> None:
    text = " ".join(" ".join(shown(command, capsys, "train", "--help")).split())
    assert f"CONFIG is {', '.join(names.names())} or the path of a file" in text
    studies = text.partition("camvid:random: ")[2].partition(".")[0].split(", ")
    assert tuple(studies) == names.studies()


@pytest.mark.parametrize(
    ("arguments", "said"),
    [
        ("trian demo", "invalid choice: 'trian'"),
        ("train", "the following arguments are required: CONFIG, --workdir"),
        ("train demo", "the following arguments are required: --workdir"),
        ("train demo seed=1 --workdir=run", "unrecognized arguments: seed=1"),
        ("train demo --wrokdir=run --workdir=run", "unrecognized arguments: --wrokdir=run"),
        ("train demo --workdir=gs://bucket/run", "has to be on a disk"),
        ("train demo --workdir=", "argument --workdir: it is empty"),
        ("train demo --workdir=run --resume_from=first", "invalid choice: 'first'"),
        ("train demo --workdir=run --process_id=one", "invalid int value: 'one'"),
        ("plan", "the following arguments are required: CONFIG"),
        ("plan demo --workdir=run", "unrecognized arguments: --workdir=run"),
        ("profile demo", "the following arguments are required: --out"),
        ("profile demo --out=trace --steps=0", "0: give a whole number from 1 up"),
        ("status", "the following arguments are required: RUN"),
        ("status run --watch=0", "0: give a number of seconds above 0"),
        ("status run --watch=often", "often: give a number of seconds above 0"),
        ("status run --config.seed=1", "unrecognized arguments: --config.seed=1"),
        ("export run", "name a folder for --model, for --labels, or for both"),
        ("predict a.png --model=model --out=seen --batch=0", "give a whole number from 1 up"),
        ("prepare voc raw prepared", "invalid choice: 'voc'"),
        ("prepare camvid raw prepared --val=3", "--val is not for camvid"),
        ("reproduce 4", "invalid choice: '4'"),
        ("reproduce 1 --seeds=a", "a: give whole numbers, as in 0,1,2"),
        ("completion fish", "invalid choice: 'fish'"),
    ],
)
def test_what_is_not_understood_is_one_line_and_ends_with_2(
    arguments: str,
    said: str,
    command: Command,
    tmp_path: Path,
    monkeypatch: pytest.MonkeyPatch,
    capsys: pytest.CaptureFixture[str],
) -> None:
    monkeypatch.chdir(tmp_path)
    assert command(*arguments.split()) == 2
    (line,) = capsys.readouterr().err.splitlines()
    assert line.startswith("error: ") and said in line
    assert line.endswith("--help") and not list(tmp_path.iterdir())

"""The scripts of `s4al completion` complete what the parsers understand, in real shells."""

import os
import shutil
import subprocess
import time
from collections.abc import Callable
from pathlib import Path

import pytest

from s4al_jax.cli.main import COMMANDS
from s4al_jax.config import defaults, names
from s4al_jax.config.options import flat
from tests.conftest import Command
from tests.support.screen_reader import PseudoTerminal

NAMES = [module.__name__.rpartition(".")[2] for module in COMMANDS]


@pytest.fixture
def scripts(
    command: Command, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> dict[str, Path]:
    """shell -> its script"""
    written = {}
    for shell in ("bash", "zsh"):
        assert command("completion", shell) == 0
        written[shell] = tmp_path / shell
        written[shell].write_text(capsys.readouterr().out)
    return written


def completed(script: Path, line: str) -> list[str]:
    """What bash's function finds for the last word of a line."""
    code = f"""
        source {script}
        COMP_LINE={line!r} COMP_POINT={len(line)}
        _s4al
        printf '%s\\n' "${{COMPREPLY[@]}}"
    """
    done = subprocess.run(
        ["bash", "--norc", "-c", code], capture_output=True, text=True, check=True
    )
    assert done.stderr == ""
    return done.stdout.split()


def test_bash_completes_commands_flags_choices_and_configurations(scripts: dict[str, Path]) -> None:
    def found(line: str) -> list[str]:
        return completed(scripts["bash"], line)

    assert found("s4al ") == NAMES
    assert found("s4al pr") == ["profile", "predict", "prepare"]
    assert found("s4al train dem") == ["demo"] + [f"demo:{study}" for study in names.studies()]
    assert set(names.names()) <= set(found("s4al train "))
    assert found("s4al train demo --wo") == ["--workdir="]
    assert found("s4al plan demo --wo") == []
    assert found("s4al report runs/a --") == [
        *("--help", "--table", "--out=", "--reference=", "--shown=", "--root=")
    ]
    assert found("s4al reproduce 2") == ["2a", "2b", "2c"]
    assert found("s4al completion z") == ["zsh"]
    assert found("s4al prepare c") == ["camvid", "cityscapes"]
    assert found("s4al status runs/") == [], "files are left to bash itself"


def test_bash_gets_the_rest_of_a_word_that_it_has_cut(scripts: dict[str, Path]) -> None:
    """It ends words at "=" and ":", and would put what is before them twice."""
    assert completed(scripts["bash"], "s4al train camvid:r") == ["random"]
    assert completed(scripts["bash"], "s4al export r --size=") == ["original", "working"]
    assert completed(scripts["bash"], "s4al export r --size=w") == ["working"]


def test_bash_completes_options_of_the_configuration_where_there_is_one(
    scripts: dict[str, Path],
) -> None:
    options = [f"--config.{name}=" for name in flat(defaults.default())]
    script = scripts["bash"]
    assert completed(script, "s4al train demo --config.") == options
    assert completed(script, "s4al check folder --config.data.ro") == ["--config.data.root="]
    assert completed(script, "s4al train demo --conf") == ["--config."]
    assert completed(script, "s4al status --conf") == []


@pytest.mark.skipif(not shutil.which("zsh"), reason="needs zsh on the PATH")
@pytest.mark.parametrize(
    ("typed", "words"),
    [
        ("prep", ["prepare"]),
        ("train demo --wo", ["train", "demo", "--workdir="]),
        ("train camvid_small:least", ["train", "camvid_small:least_confidence"]),
        ("export r --size=w", ["export", "r", "--size=working"]),
        ("check folder --config.data.ro", ["check", "folder", "--config.data.root="]),
        ("status --conf", ["status", "--conf"]),
    ],
)
def test_zsh_completes_at_its_prompt(
    typed: str, words: list[str], scripts: dict[str, Path], tmp_path: Path
) -> None:
    """A tab is typed, and what then stands there is given to a function in the command's place."""
    setup = tmp_path / "setup"
    setup.write_text(
        "autoload -U compinit; compinit -u -D\n"
        f"source {scripts['zsh']}\n"
        f"s4al() {{ print -l -- $@ > {tmp_path}/part; mv {tmp_path}/part {tmp_path}/words }}\n"
    )
    terminal = PseudoTerminal(columns=200)
    process = subprocess.Popen(
        ["zsh", "-f", "-i"],
        stdin=terminal.out,
        stdout=terminal.out,
        stderr=terminal.out,
        start_new_session=True,
        env={**os.environ, "TERM": "xterm", "ZDOTDIR": str(tmp_path)},
    )
    try:
        os.write(terminal.master, f"source {setup}; echo rea''dy\r".encode())
        wait_for(lambda: "ready" in terminal.text)
        os.write(terminal.master, f"s4al {typed}\t\r".encode())
        wait_for((tmp_path / "words").exists)
    finally:
        process.kill()
        process.wait()
        terminal.close()
    assert (tmp_path / "words").read_text().split() == words


def wait_for(happened: Callable[[], bool]) -> None:
    """Wait until something has happened, for a minute at most."""
    for _ in range(3000):
        if happened():
            return
        time.sleep(0.02)
    raise AssertionError("it did not happen")

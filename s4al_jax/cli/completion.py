"""`s4al completion`: a script that completes the command in bash or zsh, made of its parsers.

The script is static: nothing is started while somebody types. Commands, options and choices come
from the parsers, configurations and their options from the package; all else is completed as files.
"""

import argparse
from collections.abc import Mapping, Sequence

from s4al_jax.cli.parser import Parser, add_command
from s4al_jax.config.names import names, studies

# The word that is typed in bash is what stands since the last blank: its own words end at "=" and
# ":", and of what is found here it wants the rest of such a word alone.
BASH = r"""# Completes s4al in bash; written by `s4al completion bash`.
_s4al() {
  local configs=(@CONFIGS@)
  local options=(@OPTIONS@)
  local line=${COMP_LINE:0:COMP_POINT} known=() before
  local typed=${line##*[[:space:]]}
  read -ra before <<<"${line%"$typed"}"
  if [[ ${#before[@]} == 1 ]]; then
    known=(@COMMANDS@)
  else
    case ${before[1]} in
@CASES@
    esac
  fi
  if [[ $typed == --config.* ]]; then known=("${options[@]}"); fi
  local found=($(compgen -W "${known[*]}" -- "$typed"))
  COMPREPLY=("${found[@]#"${typed%"${typed##*[=:]}"}"}")
  if [[ ${COMPREPLY[*]} == *[=.] ]]; then compopt -o nospace 2>/dev/null; fi
}
complete -o default -F _s4al s4al
"""

ZSH = r"""#compdef s4al
# Completes s4al in zsh; written by `s4al completion zsh`.
_s4al() {
  local -a configs options known
  configs=(@CONFIGS@)
  options=(@OPTIONS@)
  if (( CURRENT == 2 )); then
    known=(@COMMANDS@)
    compadd -a known
    return
  fi
  case $words[2] in
@CASES@
  esac
  if [[ $PREFIX == --config.* ]]; then known=($options); fi
  compadd -S '' -- ${(M)known:#*[=.]}
  compadd -- ${known:#*[=.]}
  compset -P '*='
  _files
}
if [[ $funcstack[1] == _s4al ]]; then _s4al "$@"; else compdef _s4al s4al; fi
"""

SCRIPTS = {"bash": BASH, "zsh": ZSH}


def register(subparsers: "argparse._SubParsersAction[Parser]") -> None:
    """Add the command."""
    parser = add_command(
        subparsers,
        "completion",
        run,
        summary="print a script with which bash or zsh complete this command",
        usage="bash | zsh",
        notes="Have the shell read it when it starts, in zsh after compinit.",
        example="""echo 'source <(s4al completion bash)' >> ~/.bashrc""",
    )
    parser.add_argument("shell", choices=tuple(SCRIPTS), metavar="SHELL", help="bash or zsh")
    parser.set_defaults(parsers=subparsers.choices)


def run(given: argparse.Namespace) -> None:
    """Print the script of a shell."""
    from s4al_jax.config import defaults
    from s4al_jax.config.options import flat

    configs = [f"{name}:{study}" for name in names() for study in studies()]
    options = [f"--config.{name}=" for name in flat(defaults.default())]
    known = {name: words(parser) for name, parser in given.parsers.items()}
    print(script(given.shell, known, [*names(), *configs], options), end="")


def words(parser: argparse.ArgumentParser) -> list[str]:
    """What may stand after a command's name; `$CONFIGS` for a configuration."""
    found = []
    for action in parser._actions:
        values = [str(value) for value in action.choices or ()]
        if not action.option_strings:
            found += ["$CONFIGS"] if action.dest == "config" else values
        else:
            flag, takes_value = action.option_strings[-1], action.nargs != 0
            found += [f"{flag}={value}" for value in values or [""]] if takes_value else [flag]
    takes_options = parser.get_default("overrides") is not None
    return found + ["--config."] * takes_options


def script(
    shell: str, known: Mapping[str, Sequence[str]], configs: Sequence[str], options: Sequence[str]
) -> str:
    """The script of a shell, with what may stand after each command."""
    expanded = {
        name: " ".join(found).replace("$CONFIGS", '"${configs[@]}"')
        for name, found in known.items()
    }
    cases = "\n".join(f"    {name}) known=({found}) ;;" for name, found in expanded.items())
    return (
        SCRIPTS[shell]
        .replace("@COMMANDS@", " ".join(known))
        .replace("@CONFIGS@", " ".join(configs))
        .replace("@OPTIONS@", " ".join(options))
        .replace("@CASES@", cases)
    )

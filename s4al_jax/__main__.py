"""`python -m s4al_jax` is the command `s4al`."""

from s4al_jax.cli.main import run

if __name__ == "__main__":
    run()

"""Where the packages lie; all else is said in setup.cfg."""

from setuptools import find_packages, setup

setup(
    packages=[*find_packages(include=["s4al_jax", "s4al_jax.*"]), "s4al_jax.configs"],
    # Beside the package in a checkout, inside it in a wheel.
    package_dir={"s4al_jax.configs": "configs"},
)

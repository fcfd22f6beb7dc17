"""`python -m bcore` is `bcore`."""

from bcore.cli import main

main(prog_name="bcore")

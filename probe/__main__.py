"""python -m probe is the memprobe command."""

from probe.cli import main

main()

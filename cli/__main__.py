"""`python -m cueworker.cli` is `cueworker`."""

from . import main

main()

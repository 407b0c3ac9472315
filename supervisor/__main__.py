"""`python -m cueworker.supervisor` is `cueworker-supervise`."""

from . import main

main()

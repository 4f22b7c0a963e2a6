"""`python -m _indexguard COMMAND`: the command line of the guard that `indexguard activate` has put here."""

import os
import sys

_HERE = os.path.dirname(os.path.abspath(__file__))
sys.path.insert(0, os.path.join(_HERE, "current"))

try:
    from indexguard.cli import main
except Exception as error:
    sys.exit(
        f"indexguard: guard-broken: the copy in {_HERE} cannot run\n"
        f"    cause: {type(error).__name__}: {error}\n"
        f"    hint: an installed indexguard repairs it with `indexguard activate`; without one remove {_HERE}, then\n"
        "          install it (until then every pip runs unguarded) and activate it again"
    )

sys.exit(main())

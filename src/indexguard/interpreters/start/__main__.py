"""`python -m _indexguard COMMAND`: the command line of the guard that `indexguard activate` has put here."""

import os
import sys

sys.path.insert(0, os.path.join(os.path.dirname(os.path.abspath(__file__)), "current"))

from indexguard.cli import main

sys.exit(main())

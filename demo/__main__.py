"""`python -m demo`: the entry that scripts/replay calls."""

import sys

from demo.cli import main

sys.exit(main())

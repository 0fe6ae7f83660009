"""`python -m bench`: the entry that bench/run calls."""

import sys

from bench.command import main

sys.exit(main())

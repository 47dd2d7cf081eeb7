"""python -m cli: the same as ./trainyard."""

import sys

from cli.main import main

sys.exit(main())

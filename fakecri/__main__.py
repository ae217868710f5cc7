"""`python -m fakecri`."""

import sys

from fakecri.cli import main

sys.exit(main())

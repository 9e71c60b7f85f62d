"""``python -m simulator.cli``."""

from simulator.cli import main

raise SystemExit(main())

"""The command line: one module a command, all of them light to import, so that ``headrace --help`` answers at once.

Commands print for people on standard output, progress on standard error; ``--json`` prints one object on standard
output and nothing else there. Exit codes: 0 done, 2 the user's mistake, 1 ours, 130 interrupted.
"""

from __future__ import annotations

import io
import os
import sys
from collections.abc import Sequence

from simulator.cli.app import app
from simulator.cli.failures import report_failure

__all__ = ["app", "main"]


def main(arguments: Sequence[str] | None = None) -> int:
    """Run the command line and return its exit code; nothing raised in a command leaves this function."""
    given = list(sys.argv[1:] if arguments is None else arguments)
    here = os.getcwd()
    if here not in sys.path:
        # A user's own models and generators lie beside the platform file; at the end of the path they hide nothing.
        sys.path.append(here)
    debug = "--debug" in given
    for stream in (sys.stdout, sys.stderr):
        # A terminal that cannot show 'µ' gets a '?', not a failure.
        if isinstance(stream, io.TextIOWrapper) and stream.errors == "strict":
            stream.reconfigure(errors="replace")
    try:
        app(args=[each for each in given if each != "--debug"], prog_name="headrace")
    except SystemExit as stop:
        return stop.code if isinstance(stop.code, int) else int(stop.code is not None)
    except KeyboardInterrupt:
        return 130
    except Exception as error:
        return report_failure(error, debug=debug)
    return 0

"""``headrace check``: is a file as it should be? What it is, is told from its content."""

from __future__ import annotations

from dataclasses import asdict
from pathlib import Path
from typing import Annotated, Any

import typer

from simulator.cli.failures import USERS_MISTAKE, say
from simulator.cli.options import JsonOption
from workloads.errors import FileProblems, UserError


def check_files(
    files: Annotated[
        list[Path], typer.Argument(metavar="FILE...", help="Platform, mapping, graph, ONNX, CSV or Parquet files.")
    ],
    network: Annotated[
        str | None,
        typer.Option("--network", metavar="NETWORK", help="The network whose layers a recorded stream names."),
    ] = None,
    as_json: JsonOption = False,
) -> None:
    """Check files of any kind and tell every fault with its place; exit code 2 if there is one."""
    records = []
    for file in files:
        record, error = _checked(file, network)
        records.append(record)
        if error is not None:
            say(str(error))
        elif not as_json:
            print(f"{file}: {record['kind']}, {record['holds']}")
    if as_json:
        from simulator.cli.console import print_json

        print_json({"ok": all(record["ok"] for record in records), "files": records})
    if not all(record["ok"] for record in records):
        raise typer.Exit(USERS_MISTAKE)


def _checked(file: Path, network: str | None) -> tuple[dict[str, Any], UserError | None]:
    from simulator.cli.filekinds import examine

    record: dict[str, Any] = {"file": str(file), "kind": None, "ok": True, "holds": None, "problems": []}
    try:
        kind, check = examine(file, network)
        record["kind"] = kind
        record["holds"] = check()
    except UserError as error:
        record["ok"] = False
        record["problems"] = (
            [asdict(each) for each in error.problems] if isinstance(error, FileProblems) else [{"message": str(error)}]
        )
        return record, error
    except OSError as error:
        record["ok"] = False
        found = UserError(f"{file}: {error.strerror or error}")
        record["problems"] = [{"message": str(found)}]
        return record, found
    return record, None

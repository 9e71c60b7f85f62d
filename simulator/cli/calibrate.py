"""``headrace calibrate``: fit a platform's factors to one's own measurements, and write the platform that came out."""

from __future__ import annotations

from pathlib import Path
from typing import TYPE_CHECKING, Annotated

import typer

from simulator.cli.options import JsonOption, PlatformArgument, SetOption, overrides, place_to_write
from workloads.errors import UserError

if TYPE_CHECKING:
    from simulator.calibration import Calibration


def calibrate_platform(
    platform: PlatformArgument,
    measured: Annotated[
        Path,
        typer.Argument(
            metavar="MEASURED.csv",
            help="Columns network and latency_ms or throughput_fps; may have element, layer, batch, cores, precision.",
        ),
    ],
    out: Annotated[
        Path,
        typer.Option("-o", "--out", parser=place_to_write, metavar="NEW.yaml", help="The platform file to write."),
    ],
    fit: Annotated[
        list[str] | None,
        typer.Option(
            "--fit", metavar="PATH", help="A value to fit, e.g. processing_elements.cpu.efficiency; repeatable."
        ),
    ] = None,
    settings: SetOption = None,
    as_json: JsonOption = False,
) -> None:
    """Fit efficiencies of a platform to measured times of layers or networks, and write it as a new file.

    Tells the error of every row, and the error of each when the fit did not see it. A fit with more parameters than
    rows is refused.
    """
    from simulator.calibration import calibrate
    from simulator.files import make_folder, write_atomically
    from simulator.measurements import platform_text, read_measurements
    from simulator.platform import load_platform

    if out.suffix not in (".yaml", ".yml"):
        raise UserError(f"--out {out}: a platform file ends in .yaml; write e.g. {out.with_suffix('.yaml')}")
    if out.exists() and out.resolve() == Path(platform).resolve():
        raise UserError(f"--out {out}: is the platform that the new one extends; write another name")
    if out.is_dir():
        raise UserError(f"--out {out}: is a folder; write the name of a file in it")
    changed = overrides(settings)
    rows = read_measurements(measured, load_platform(platform, changed))
    make_folder(out.parent)  # before the fit, so that it is not lost for want of a place
    found = calibrate(platform, rows, fit, settings=changed)
    write_atomically(out, platform_text(found, platform, out, measured.name, changed).encode())
    if as_json:
        _print_json(found, out)
    else:
        _print_tables(found, out)


def _print_json(found: Calibration, out: Path) -> None:
    from simulator.cli.console import print_json

    left_out = found.left_out or (None,) * len(found.errors)
    rows = zip(found.measurements, found.errors, left_out, strict=True)
    print_json(
        {
            "platform": found.platform,
            "written": str(out),
            "values": dict(found.values),
            "mean_error": found.mean_error,
            "left_out_mean_error": found.left_out_error,
            "rows": [
                {
                    "network": m.network.name,
                    "layer": m.layer,
                    "measured_ms": m.seconds * 1e3,
                    "simulated_ms": m.seconds * (1 + error) * 1e3,
                    "error": error,
                    "left_out_error": left,
                }
                for m, error, left in rows
            ],
        }
    )


def _print_tables(found: Calibration, out: Path) -> None:
    from simulator.cli.console import console, table

    screen = console()
    before = {p.path: p.text(p.start) for p in found.parameters}
    screen.print(table(("value", "was", "fitted"), [(p, before[p], v) for p, v in found.values.items()], text=3))
    left_out = [f"{100 * error:+.1f} %" for error in found.left_out] or ["·"] * len(found.errors)
    rows = [
        (
            m.network.name,
            m.layer or "·",
            f"{m.seconds * 1e3:.4g}",
            f"{m.seconds * (1 + e) * 1e3:.4g}",
            f"{100 * e:+.1f} %",
            left,
        )
        for m, e, left in zip(found.measurements, found.errors, left_out, strict=True)
    ]
    columns = ("network", "layer", "measured ms", "simulated ms", "error", "left out")
    screen.print(table(columns, rows, text=2))
    left = found.left_out_error
    told = "too few rows to leave one out" if left is None else f"{100 * left:.1f} % for a row that it did not see"
    screen.print(f"mean error {100 * found.mean_error:.1f} %; {told}")
    screen.print(f"written to {out}")

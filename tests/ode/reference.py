"""Readers of the reference figures; see tests/reference/ode/README.md for where they come from."""

from __future__ import annotations

import csv
import json
from pathlib import Path

import numpy as np
import numpy.typing as npt

from workloads.ode import LtcCell, Wiring

_FOLDER = Path(__file__).parents[1] / "reference" / "ode"
_TYPES = {"m": "motor", "c": "command", "i": "inter"}


def rows(name: str) -> list[dict[str, str]]:
    """The rows of one reference CSV."""
    with (_FOLDER / name).open(encoding="utf-8", newline="") as file:
        return list(csv.DictReader(file))


def reference_wirings() -> dict[str, Wiring]:
    """Every wiring of wirings.csv."""
    table = rows("wirings.csv")
    return {name: _wiring(name, [r for r in table if r["wiring"] == name]) for name in summary()}


def summary() -> dict[str, dict[str, str]]:
    """summary.csv by wiring."""
    return {row["name"]: row for row in rows("summary.csv")}


def ltc8(gain: float) -> LtcCell:
    """The eight-neuron cell of the traces."""
    values = json.loads((_FOLDER / "ltc8_params.json").read_text(encoding="utf-8"))
    w, u, b, a, tau = (np.array(values[key]) for key in ("W", "U", "b", "A", "tau"))
    return LtcCell(recurrent=w, inward=u, bias=b, reversal=a, tau=tau, gain=gain)


def counts(trace: str) -> npt.NDArray[np.int64]:
    """Evaluations, accepted and rejected steps of each token, three columns."""
    return np.array(
        [
            [int(r[c]) for c in ("nfev", "accepted", "rejected")]
            for r in rows("adaptive_counts.csv")
            if r["trace"] == trace
        ]
    )


def states(trace: str) -> dict[int, npt.NDArray[np.float64]]:
    """End states by token."""
    found = (r for r in rows("adaptive_states.csv") if r["trace"] == trace)
    return {int(r["token"]): np.array([float(x) for x in r["state"].split()]) for r in found}


def _wiring(name: str, table: list[dict[str, str]]) -> Wiring:
    types = next(r["targets"] for r in table if r["kind"] == "types")
    inputs = int(summary()[name]["inputs"])
    matrices = {"sensory": np.zeros((inputs, len(types)), np.int8), "internal": np.zeros((len(types),) * 2, np.int8)}
    for row in table:
        if row["kind"] in matrices:
            matrices[row["kind"]][int(row["source"])] = [{"+": 1, "-": -1, ".": 0}[sign] for sign in row["targets"]]
    return Wiring(name, matrices["sensory"], matrices["internal"], tuple(_TYPES[t] for t in types))

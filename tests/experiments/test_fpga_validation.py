"""FPGA pipelines meet FINN's published figures, each within its tolerance."""

from __future__ import annotations

from experiments import finn
from experiments.validation import fpga


def test_every_judged_figure_is_met() -> None:
    rows = fpga.rows()
    assert [row.case for row in rows if row.verdict == "missed"] == []
    assert sum(row.verdict == "met" for row in rows) >= 36


def test_coarser_pieces_give_the_same_throughput_and_nearly_the_same_latency() -> None:
    """CNV-w1a1 in rows, pixels and words: one interval, and first images within 5 % of each other."""
    runs = {
        granularity: finn.run_on(
            "ultra96-fpga", finn.cnv_bnn_pynq("w1a1"), finn.cnv_bnn_pynq_rules("w1a1", granularity), 6
        )
        for granularity in ("row", "pixel", "word")
    }
    rates = [run.images_per_second for run in runs.values()]
    assert max(rates) - min(rates) < 0.001 * max(rates)
    latencies = [run.latency_us for run in runs.values()]
    assert max(latencies) < 1.05 * min(latencies)

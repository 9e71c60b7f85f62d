"""CPUs and GPUs meet the published figures; what a fit gave is what the platform files hold."""

from __future__ import annotations

import pytest

from experiments.validation import cpu, gpu
from experiments.validation.ncnn_networks import networks, read
from experiments.validation.rows import Row
from simulator import simulate
from simulator.mapping import MappingRules
from simulator.platform import load_platform


@pytest.fixture(scope="module")
def cpu_rows() -> list[Row]:
    return cpu.rows()


@pytest.fixture(scope="module")
def gpu_rows() -> list[Row]:
    return gpu.rows()


def test_the_layer_tables_have_the_totals_of_their_networks() -> None:
    totals = {row["network"]: row for row in read("ncnn_totals.csv")}
    tables = {row["network"] for row in read("ncnn_layers.csv")}
    assert len(tables) == 8
    for name, network in networks().items():
        macs = int(totals[name]["conv_macs"]) + int(totals[name]["fc_macs"])
        assert network.macs == macs if name in tables else network.macs == pytest.approx(macs, rel=0.09)


def test_a_table_runs_through_the_whole_simulation(cpu_rows: list[Row]) -> None:
    board = next(board for board in cpu.BOARDS if board.platform == "raspberry-pi-4")
    known = {"resnet18": networks()["resnet18"]}
    ((_, _, measured),) = [run for run in cpu.measurements(board, known) if run[1] == 4]
    result = simulate("raspberry-pi-4", measured.network, MappingRules(element="cpu"), frames=1)
    row = next(row for row in cpu_rows if row.case == "raspberry-pi-4 cpu x4: resnet18")
    assert result.summary()["latency_ms"]["mean"] == pytest.approx(row.simulated, rel=1e-6)


def test_cpus_meet_the_ncnn_benchmark(cpu_rows: list[Row]) -> None:
    judged = [row for row in cpu_rows if row.tolerance is not None]
    assert [row.tolerance for row in judged] == [0.25, 0.65]
    assert [row.verdict for row in judged] == ["met", "met"]


def test_what_a_fit_saw_and_what_is_shown_apart_is_not_judged(cpu_rows: list[Row]) -> None:
    pooled = [row for row in cpu_rows if row.tolerance is None and not row.note]
    assert len(pooled) > 300
    for name in (*cpu.FITTED_TO, *cpu.APART):
        assert not any(row.case.endswith(f": {name}") for row in pooled)


def test_gpus_meet_resnet_50_at_every_batch(gpu_rows: list[Row]) -> None:
    batches = [row for row in gpu_rows if row.group == "ResNet-50 on GPUs"]
    assert len(batches) == 45
    assert [row.case for row in batches if row.verdict != "met"] == []


def test_the_jetson_nano_meets_tensorrt(gpu_rows: list[Row]) -> None:
    (judged,) = [row for row in gpu_rows if row.case == "Nano, median error"]
    assert judged.verdict == "met"
    assert judged.note == "14 models that no fit saw"


def test_no_row_is_shown_without_a_source(cpu_rows: list[Row], gpu_rows: list[Row]) -> None:
    assert all(row.source for row in [*cpu_rows, *gpu_rows])


def check_fit(board: cpu.Board) -> None:
    held = load_platform(board.platform).processing_elements[board.element].config
    for path, value in cpu.refit(board).values.items():
        assert getattr(held, path.rpartition(".")[2]) == pytest.approx(float(value), rel=0.05)


def test_the_factors_of_a_raspberry_pi_are_those_of_the_fit() -> None:
    check_fit(next(board for board in cpu.BOARDS if board.platform == "raspberry-pi-4"))


@pytest.mark.slow
@pytest.mark.parametrize("board", cpu.BOARDS, ids=lambda board: f"{board.platform}-{board.element}")
def test_board_factors_are_those_of_the_fit(board: cpu.Board) -> None:
    check_fit(board)


@pytest.mark.slow
@pytest.mark.parametrize("key", list(gpu.SETTINGS), ids="-".join)
def test_batch_settings_are_those_of_the_fit(key: tuple[str, str, str]) -> None:
    for path, value in gpu.refit_batch(key).values.items():
        assert float(gpu.SETTINGS[key][path].split()[0]) == pytest.approx(float(value.split()[0]), rel=0.02)


def test_nano_factors_are_those_of_the_fit() -> None:
    held = load_platform("jetson-nano").document["processing_elements"]["gpu"]
    for path, value in gpu.refit_nano().values.items():
        written = str(held[path.rpartition(".")[2]]).split()[0]
        assert float(written) == pytest.approx(float(value.split()[0]), rel=0.02)


def test_energy_of_a_board_adds_up() -> None:
    result = simulate("jetson-nano", "squeezenet-1.1", MappingRules(element="gpu"), frames=8)
    summary, parts = result.summary(), result.energy
    assert summary["energy_mj"] == pytest.approx(float(parts["energy_mj"].sum()))
    seconds = summary["elapsed_ms"] / 1e3
    busy = result.elements.set_index("element")["busy_fraction"].to_dict()["gpu"]
    active = parts[(parts["part"] == "gpu") & (parts["cause"] == "active")]["energy_mj"].sum()
    assert float(active) == pytest.approx(6 * busy * seconds * 1e3, rel=1e-6)

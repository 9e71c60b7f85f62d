"""Fitting a platform to measured times: what was put in comes out, and what cannot be fitted is refused."""

from __future__ import annotations

from pathlib import Path

import pytest

from simulator import simulate
from simulator.calibration import Measurement, calibrate, default_parameters, predict
from simulator.errors import FileProblems, PlatformError, UserError
from simulator.mapping import LayerRule, MappingRules
from simulator.measurements import platform_text, read_measurements
from simulator.platform import load_platform
from workloads import load_network

TRUTH = {"processing_elements.cpu.efficiency": "0.5", "processing_elements.cpu.serial_fraction": "0.2"}


def measured(changes: dict[str, str] | None = None) -> list[Measurement]:
    """Times that a Raspberry Pi with the changed values would show."""
    platform = load_platform("raspberry-pi-4", changes)
    plain = [
        Measurement(load_network(name), 1.0, "cpu", cores=cores)
        for name in ("squeezenet-1.1", "lenet-5")
        for cores in (1, 4)
    ]
    return [Measurement(m.network, predict(platform, m), m.element, cores=m.cores) for m in plain]


def test_a_prediction_is_what_a_run_of_one_frame_gives() -> None:
    network = load_network("squeezenet-1.1")
    for element, cores in (("cpu", 1), ("cpu", 4), ("gpu", 4)):
        platform = load_platform("jetson-nano", {"processing_elements.cpu.cores": str(cores)})
        run = simulate(platform, network, MappingRules(element=element), frames=1).summary()["latency_ms"]["mean"]
        assert predict(platform, Measurement(network, 1.0, element)) * 1e3 == pytest.approx(run, rel=1e-6)


def test_branches_run_beside_each_other_on_cores_of_their_own_and_a_measured_thread_does_not() -> None:
    platform, network = load_platform("jetson-nano"), load_network("squeezenet-1.1")
    rules = MappingRules(element="cpu", layers=(LayerRule("*", cores=1),))
    beside = simulate(platform, network, rules, frames=1).summary()["latency_ms"]["mean"]
    assert predict(platform, Measurement(network, 1.0, "cpu", cores=1)) * 1e3 > 1.05 * beside


def test_a_batch_is_predicted_as_it_runs() -> None:
    platform, network = load_platform("v100-server"), load_network("squeezenet-1.1")
    run = simulate(platform, network, MappingRules(element="gpu", batch=16), frames=16).summary()["latency_ms"]["max"]
    assert predict(platform, Measurement(network, 1.0, "gpu", batch=16)) * 1e3 == pytest.approx(run, rel=1e-6)


def test_the_values_that_made_the_times_are_found_again() -> None:
    found = calibrate("raspberry-pi-4", measured(TRUTH), list(TRUTH))
    for path, value in TRUTH.items():
        assert float(found.values[path]) == pytest.approx(float(value), rel=0.02)
    assert found.mean_error < 1e-3
    assert len(found.left_out) == 4
    assert found.left_out_error is not None
    assert found.left_out_error < 5e-3


def test_durations_are_fitted_in_the_unit_of_the_file() -> None:
    path = "processing_elements.cpu.overhead"
    found = calibrate("raspberry-pi-4", measured({path: "80 us"}), [path], leave_one_out=False)
    number, unit = found.values[path].split()
    assert unit == "us"
    assert float(number) == pytest.approx(80, rel=0.02)


def test_a_layer_can_be_measured_by_itself() -> None:
    platform, network = load_platform("raspberry-pi-4"), load_network("lenet-5")
    layers = [group.name for group in network.groups() if group.kind != "input"]
    parts = [predict(platform, Measurement(network, 1.0, "cpu", layer=name)) for name in layers]
    assert sum(parts) == pytest.approx(predict(platform, Measurement(network, 1.0, "cpu")))
    with pytest.raises(UserError, match="runs no layer 'conv9'"):
        predict(platform, Measurement(network, 1.0, "cpu", layer="conv9"))


def test_more_parameters_than_rows_are_refused() -> None:
    with pytest.raises(UserError) as raised:
        calibrate("raspberry-pi-4", measured()[:1], list(TRUTH))
    assert str(raised.value) == (
        "2 parameters (processing_elements.cpu.efficiency, processing_elements.cpu.serial_fraction) cannot be fitted to"
        " 1 measurements; measure more, or name at most 1 with --fit"
    )


def test_parameters_that_are_no_numbers_are_refused() -> None:
    for path, message in (
        ("processing_elements.cpu.eficiency", "leads nowhere; did you mean 'efficiency'"),
        ("processing_elements.npu.efficiency", "leads nowhere in platform 'raspberry-pi-4'"),
        ("memory.dram.efficiency", "leads nowhere in platform 'raspberry-pi-4'; did you mean 'memories'?"),
        ("processing_elements.cpu.rate", "is no number of platform 'raspberry-pi-4'"),
        ("processing_elements.cpu.library", "only a number can be fitted"),
    ):
        with pytest.raises(PlatformError, match=message):
            calibrate("raspberry-pi-4", measured(), [path])


def test_what_is_fitted_by_itself_has_two_rows_a_parameter() -> None:
    platform, rows = load_platform("raspberry-pi-4"), measured()
    assert default_parameters(platform, rows) == list(TRUTH)
    assert default_parameters(platform, rows[:2]) == list(TRUTH)[:1]


def test_the_new_platform_extends_the_old_one(tmp_path: Path) -> None:
    found = calibrate("raspberry-pi-4", measured(TRUTH), list(TRUTH))
    out = tmp_path / "mine.yaml"
    out.write_text(platform_text(found, "raspberry-pi-4", out, "times.csv"))
    mine = load_platform(out)
    assert mine.name == "mine"
    assert predict(mine, measured()[0]) == pytest.approx(measured(TRUTH)[0].seconds, rel=0.01)
    child = tmp_path / "deeper" / "child.yaml"
    child.parent.mkdir()
    child.write_text(platform_text(found, out, child, "times.csv"))
    assert "extends: ../mine.yaml" in child.read_text()
    assert load_platform(child).name == "child"


def test_every_fault_of_every_row_is_told(tmp_path: Path) -> None:
    file = tmp_path / "t.csv"
    file.write_text(
        "network,element,latency_ms,cores,precision\nresnet-81,cpu,1,1,\nlenet-5,cup,-3,x,fp\nlenet-5,cpu,nan,,,9\n"
    )
    with pytest.raises(FileProblems) as raised:
        read_measurements(file, load_platform("raspberry-pi-4"))
    assert [(p.line, p.column, p.path) for p in raised.value.problems] == [
        (2, 1, "network"),
        (3, 2, "element"),
        (3, 3, "latency_ms"),
        (3, 4, "cores"),
        (3, 5, "precision"),
        (4, 3, "latency_ms"),
        (4, 5, "precision"),
    ]
    assert "'-3' is no positive number" in str(raised.value)


@pytest.mark.parametrize(
    ("text", "fault"),
    [
        ("network,latency\nlenet-5,1\n", "no such column; did you mean 'latency_ms'"),
        ("latency_ms\n1\n", "has no column 'network'"),
        ("network,latency_ms,throughput_fps\nlenet-5,1,1\n", "has both of latency_ms and throughput_fps"),
        ("network,latency_ms\n", "no measurements follow"),
        ("network,latency_ms,layer\nlenet-5,1,conv9\n", "'lenet-5' runs no layer 'conv9'"),
    ],
)
def test_a_file_without_what_is_needed_is_refused(tmp_path: Path, text: str, fault: str) -> None:
    file = tmp_path / "t.csv"
    file.write_text(text)
    with pytest.raises(FileProblems, match=fault):
        read_measurements(file, load_platform("raspberry-pi-4"))


def test_throughput_counts_batches(tmp_path: Path) -> None:
    file = tmp_path / "t.csv"
    file.write_text("network,element,batch,throughput_fps\nlenet-5,gpu,16,100\n")
    (row,) = read_measurements(file, load_platform("v100-server"))
    assert (row.seconds, row.batch, row.element) == (0.16, 16, "gpu")

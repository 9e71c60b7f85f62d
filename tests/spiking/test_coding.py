"""Input codes, scenes and recorded events."""

from __future__ import annotations

from pathlib import Path

import numpy as np
import pytest

from workloads.errors import FileProblems, WorkloadError
from workloads.spiking import (
    bernoulli_rate,
    burst,
    camera_events,
    count_statistics,
    latency,
    make_spikes,
    matched_bernoulli,
    moving_scene,
    poisson_rate,
    read_events_csv,
    read_events_npy,
    read_nir_spikes,
    regular_rate,
    spike_statistics,
    write_events_csv,
    write_nir_spikes,
)

IMAGE = np.array([[0.0, 0.25], [0.5, 1.0]])


def test_rate_codes_meet_their_rates_and_repeat_with_their_seed() -> None:
    train = bernoulli_rate(IMAGE, 4000, seed=1)
    assert train.per_neuron() / 4000 == pytest.approx(IMAGE.ravel(), abs=0.03)
    assert np.array_equal(train.index, bernoulli_rate(IMAGE, 4000, seed=1).index)
    assert not np.array_equal(train.index[:100], bernoulli_rate(IMAGE, 4000, seed=2).index[:100])
    assert poisson_rate(IMAGE, 4000, seed=1, max_rate=3.0).per_neuron() / 4000 == pytest.approx(
        3 * IMAGE.ravel(), abs=0.1
    )
    assert regular_rate(IMAGE, 8).per_neuron().tolist() == [0, 2, 4, 8]


def test_bernoulli_stream_is_less_than_poisson_and_poisson_is_poisson() -> None:
    image = np.full((20, 20), 0.3)
    _, fano, lag = count_statistics(poisson_rate(image, 4000, seed=3).per_step())
    assert fano == pytest.approx(1.0, abs=0.07)
    assert abs(lag) < 0.05
    assert count_statistics(bernoulli_rate(image, 4000, seed=3).per_step())[1] == pytest.approx(0.7, abs=0.06)


def test_latency_code_fires_once_and_brighter_is_earlier() -> None:
    train = latency(IMAGE, 9)
    assert dict(zip(train.index.tolist(), train.step.tolist(), strict=True)) == {1: 6, 2: 4, 3: 0}
    curved = latency(IMAGE, 9, law="log")
    assert dict(zip(curved.index.tolist(), curved.step.tolist(), strict=True)) == {1: 8, 2: 1, 3: 0}


def test_burst_code_gives_brighter_pixels_more_and_closer_spikes() -> None:
    train = burst(IMAGE, 20, max_spikes=4, min_gap=1, max_gap=5)
    assert [train.step[train.index == i].tolist() for i in range(4)] == [[], [0], [0, 3], [0, 1, 2, 3]]


def test_pixels_outside_the_range_are_refused() -> None:
    with pytest.raises(WorkloadError, match=r"pixels lie in 0\.\.255; scale the image to 0\.\.1"):
        latency(np.array([[0.0, 255.0]]), 5)


def test_matched_train_keeps_rates_but_not_bursts() -> None:
    bursts = make_spikes((50,), 400, np.repeat(np.arange(0, 400, 20), 50), np.tile(np.arange(50), 20))
    matched = matched_bernoulli(bursts, seed=4)
    assert matched.count == pytest.approx(bursts.count, rel=0.1)
    assert spike_statistics(bursts).peak_over_mean == pytest.approx(20.0)
    assert spike_statistics(bursts).fano > 20 * spike_statistics(matched).fano


def test_camera_reports_changes_of_log_intensity_with_their_sign() -> None:
    frames = np.exp(np.array([0.0, 0.3, 0.3, -0.6]))[:, None, None] * np.ones((1, 1, 1))
    train = camera_events(frames, contrast=0.25)
    assert train.coordinates().tolist() == [[1, 0, 0, 0], [3, 1, 0, 0], [3, 1, 0, 0], [3, 1, 0, 0]]


def test_scene_is_the_same_for_the_same_seed_and_clusters_in_time() -> None:
    one, other = moving_scene(24, 24, 60, seed=7), moving_scene(24, 24, 60, seed=7)
    assert np.array_equal(one.index, other.index)
    assert one.count != moving_scene(24, 24, 60, seed=8).count
    assert 0.001 < spike_statistics(one).rate < 0.2


def test_events_survive_csv_numpy_and_nir_files(tmp_path: Path) -> None:
    train = moving_scene(8, 10, 20, seed=2)
    write_events_csv(tmp_path / "events.csv", train, dt=1e-3)
    again = read_events_csv(tmp_path / "events.csv", (2, 8, 10), dt=1e-3, steps=20)
    assert np.array_equal(again.step, train.step)
    assert np.array_equal(again.index, train.index)
    step, channel, row, column = train.coordinates().T
    np.save(tmp_path / "plain.npy", np.stack([step * 1000 + 10, column, row, channel], axis=1))
    plain = read_events_npy(tmp_path / "plain.npy", (2, 8, 10), dt=1e-3, steps=20)
    assert np.array_equal(plain.index, train.index)
    fields = np.zeros(step.size, dtype=[("p", "i1"), ("t", "u4"), ("x", "u2"), ("y", "u2")])
    fields["t"], fields["x"], fields["y"], fields["p"] = step, column, row, channel
    np.save(tmp_path / "fields.npy", fields)
    assert np.array_equal(
        read_events_npy(tmp_path / "fields.npy", (2, 8, 10), 1e-3, unit="ms", steps=20).index, train.index
    )
    pytest.importorskip("nir")
    write_nir_spikes(tmp_path / "trains.nir", {"input": train}, dt=1e-3)
    back = read_nir_spikes(tmp_path / "trains.nir", "input", (2, 8, 10), dt=1e-3)
    assert back.steps == 20
    assert np.array_equal(back.index, train.index)


def test_time_gridded_nir_data_is_read_with_its_own_step(tmp_path: Path) -> None:
    nir = pytest.importorskip("nir")
    grid = np.zeros((1, 4, 3), dtype=bool)
    grid[0, [1, 3], [2, 0]] = True
    data = nir.NIRGraphData({"lif": nir.NIRNodeData({"spikes": nir.TimeGriddedData(grid, 0.1)})})
    nir.write_data(str(tmp_path / "grid.nir"), data)
    train = read_nir_spikes(tmp_path / "grid.nir", "lif")
    assert train.coordinates().tolist() == [[1, 2], [3, 0]]
    with pytest.raises(WorkloadError, match=r"no node 'lfi'; did you mean 'lif'\?"):
        read_nir_spikes(tmp_path / "grid.nir", "lfi")


def test_faulty_lines_of_an_event_file_come_all_at_once(tmp_path: Path) -> None:
    path = tmp_path / "bad.csv"
    path.write_text("t,x,y,p\n1,2,3,0\none,2,3,0\n4,5\n", encoding="utf-8")
    with pytest.raises(FileProblems) as caught:
        read_events_csv(path, (2, 8, 8), dt=1e-3)
    assert [p.line for p in caught.value.problems] == [3, 4]


def test_events_beyond_the_sensor_are_named(tmp_path: Path) -> None:
    path = tmp_path / "far.csv"
    path.write_text("t,x,y,p\n1,2,3,0\n2,9,3,0\n", encoding="utf-8")
    with pytest.raises(
        WorkloadError, match=r"1 events lie outside \(2, 8, 8\), the first is event 1 \(t=2, x=9, y=3, p=0\)"
    ):
        read_events_csv(path, (2, 8, 8), dt=1e-3)

"""Token streams on disk: what is saved comes back bit for bit, and a user's trace is checked row by row."""

from __future__ import annotations

from dataclasses import replace
from pathlib import Path

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from workloads.builder import NetworkBuilder
from workloads.errors import FileProblems, WorkloadError
from workloads.generators import build_stream, static_stream
from workloads.generators.branches import early_exit_stream
from workloads.loading import load_network
from workloads.network import Network
from workloads.streamfile import SHARES, load_stream, save_stream
from workloads.tokens import LayerWork, TokenStream


def small_network(name: str = "pair", channels: int = 4) -> Network:
    build = NetworkBuilder(name)
    x = build.input((3, 8, 8))
    x = build.relu(build.conv(x, channels, 3, pad=1, name="conv1"), name="relu1")
    build.dense(build.flatten(build.max_pool(x, 2, name="pool1")), 10, name="fc")
    return build.build()


def varying_stream(network: Network, frames: int, seed: int) -> TokenStream:
    """A stream in which every array that a layer can carry differs from frame to frame, in one layer."""
    draw = np.random.default_rng(seed)
    stream = static_stream(network, frames, "poisson:100Hz", seed)
    work = stream.work["conv1"].scaled(draw.random(frames))
    work = replace(
        work,
        input_kept=draw.random(frames),
        output_kept=draw.random(frames),
        input_density=draw.random(frames),
        weight_kept=draw.random(frames),
        executed=draw.random(frames) > 0.3,
        extra={"spikes_in": np.floor(draw.random(frames) * 1e6)},
        piece_fraction=draw.random((frames, 8)),
    )
    return replace(stream, work={**stream.work, "conv1": work}, deadline_ps=33 * 10**9, lossy=True)


def assert_same_work(one: LayerWork, other: LayerWork) -> None:
    for name in ("macs", "executed", *SHARES):
        first, second = np.broadcast_arrays(getattr(one, name), getattr(other, name))
        assert np.array_equal(first, second), name
    for mine, theirs in ((one.ops, other.ops), (one.extra, other.extra)):
        assert sorted(mine) == sorted(theirs)
        for kind, values in mine.items():
            first, second = np.broadcast_arrays(values, theirs[kind])
            assert np.array_equal(first, second), kind
    assert (one.piece_fraction is None) == (other.piece_fraction is None)
    if one.piece_fraction is not None and other.piece_fraction is not None:
        assert np.array_equal(one.piece_fraction, other.piece_fraction)


@pytest.mark.parametrize("suffix", ["csv", "parquet"])
def test_a_stream_comes_back_bit_for_bit(tmp_path: Path, suffix: str) -> None:
    network = small_network()
    stream = varying_stream(network, 40, seed=3)
    file = tmp_path / f"stream.{suffix}"
    save_stream(stream, file)
    again = load_stream(file, network)
    assert again.frames == 40
    assert np.array_equal(again.release_ps, stream.release_ps)
    assert (again.deadline_ps, again.lossy, dict(again.origin)) == (33 * 10**9, True, dict(stream.origin))
    assert list(again.work) == list(stream.work)
    for name, work in stream.work.items():
        assert_same_work(work, again.work[name])
        assert again.work[name].is_static == work.is_static


@given(frames=st.integers(1, 12), seed=st.integers(0, 1000))
def test_any_stream_survives_the_way_through_a_file(
    frames: int, seed: int, tmp_path_factory: pytest.TempPathFactory
) -> None:
    network = small_network()
    stream = varying_stream(network, frames, seed)
    file = tmp_path_factory.mktemp("streams") / "s.csv"
    save_stream(stream, file)
    again = load_stream(file, network)
    assert np.array_equal(again.release_ps, stream.release_ps)
    for name, work in stream.work.items():
        assert_same_work(work, again.work[name])


def test_a_static_stream_of_many_frames_stays_small_on_disk(tmp_path: Path) -> None:
    network = small_network()
    save_stream(static_stream(network, 1_000_000), tmp_path / "s.csv")
    assert (tmp_path / "s.csv").stat().st_size < 2000
    again = load_stream(tmp_path / "s.csv", network)
    assert again.frames == 1_000_000
    assert all(work.is_static for work in again.work.values())


def test_a_users_trace_of_kept_fractions_scales_the_dense_work(tmp_path: Path) -> None:
    file = tmp_path / "trace.csv"
    file.write_text("frame,release_us,layer,kept_fraction\n0,0,conv1,0.5\n0,0,fc,1\n1,40,conv1,0.25\n1,40,fc,0\n")
    network = small_network()
    stream = load_stream(file, network)
    dense = static_stream(network, 1).work
    assert stream.release_ps.tolist() == [0, 40 * 10**6]
    assert stream.work["conv1"].macs.tolist() == [3 * 4 * 9 * 64 / 2, 3 * 4 * 9 * 64 / 4]
    for kind, count in dense["conv1"].ops.items():
        assert stream.work["conv1"].ops[kind].tolist() == [float(count[0]) / 2, float(count[0]) / 4]
    assert stream.work["fc"].fraction.tolist() == [1, 0]
    assert stream.work["pool1"].is_static
    assert dict(stream.origin) == {"generator": "recorded", "file": "trace.csv"}


def test_a_users_trace_of_counts_and_skipped_layers(tmp_path: Path) -> None:
    file = tmp_path / "trace.csv"
    file.write_text("frame,layer,macs,executed\n*,conv1,3456,\n0,fc,320,true\n1,fc,,false\n")
    work = load_stream(file, small_network()).work
    assert work["conv1"].fraction.tolist() == [0.5]
    assert work["fc"].fraction.tolist() == [0.5, 0]
    assert work["fc"].macs.tolist() == [320, 0]
    assert work["fc"].executed.tolist() == [True, False]


def test_a_data_frame_saved_by_pandas_is_read(tmp_path: Path) -> None:
    import pandas as pd

    rows = {"frame": [0, 1, None], "layer": ["conv1", "conv1", "fc"], "fraction": [0.5, 1.0, 0.125]}
    pd.DataFrame(rows).to_parquet(tmp_path / "t.parquet")
    pd.DataFrame(rows).to_csv(tmp_path / "t.csv", index=False)
    for file in ("t.parquet", "t.csv"):
        work = load_stream(tmp_path / file, small_network()).work
        assert work["conv1"].fraction.tolist() == [0.5, 1]
        assert work["fc"].fraction.tolist() == [0.125]


def test_every_wrong_cell_is_told_by_its_line(tmp_path: Path) -> None:
    file = tmp_path / "trace.csv"
    file.write_text(
        "# from the board\nframe,layer,fraction,macs\n0,conv1,1.2,\n0,konv1,0.5,\n1,conv1,half,\nx,conv1,0.5,\n"
    )
    with pytest.raises(FileProblems) as caught:
        load_stream(file, small_network())
    assert str(caught.value) == (
        f"{file}: 1 problem\n  6:1  frame  'x' is no frame; count them 0, 1, 2, ... or write * for every frame"
    )
    file.write_text(file.read_text().replace("x,conv1,0.5", "2,relu1,0.5,-3").replace("-3,", "-3"))
    with pytest.raises(FileProblems) as caught:
        load_stream(file, small_network())
    assert str(caught.value) == (
        f"{file}: 6 problems\n"
        "  3:2  layer     'conv1' has no row for frame 2; write one (executed 0 where it is skipped)\n"
        "  3:3  fraction  1.2 is outside 0 .. 1; write a share between 0 and 1\n"
        "  4:2  layer     network 'pair' has no layer 'konv1'; did you mean 'conv1'? (known: conv1, fc, pool1)\n"
        "  5:3  fraction  'half' is no number; write a share between 0 and 1\n"
        "  6:2  layer     'relu1' runs fused into 'conv1'; write that name\n"
        "  6:4  macs      -3 is outside 0 .. 1e+18; write a count, 0 or more"
    )


@pytest.mark.parametrize(
    ("text", "message"),
    [
        ("frame,layer,fracton\n0,conv1,1\n", "1:3  fracton  no such column; did you mean 'fraction'?"),
        ("frame,fraction\n0,1\n", "1:0  layer  the column is missing; name the layer that a row belongs to"),
        ("frame,layer,macs,macs\n0,conv1,1,1\n", "1:3  macs  is named twice; keep one column of that name"),
        ("frame,layer\n0,conv1,7\n", "2:0  row  3 cells, and the header names 2 columns"),
        (
            "frame,layer\n0,conv1\n2,conv1\n",
            "3:1  frame  frame 1 has no row, and this is frame 2; count from 0 without gaps",
        ),
        ("frame,layer\n0,conv1\n0,conv1\n", "3:1  frame  frame 0 of layer 'conv1' stands in a row before; keep one"),
        (
            "frame,layer\n0,conv1\n*,conv1\n",
            "3:1  frame  layer 'conv1' has a row for every frame and others; keep one kind",
        ),
        (
            "frame,layer,release_us\n0,conv1,1\n0,fc,2\n",
            "3:3  release_us  frame 0 arrives at 2 here and at another time in a row before; write one arrival a frame",
        ),
        (
            "frame,layer,release_us\n0,conv1,5\n1,conv1,2\n",
            "1:3  release_us  frame 1 arrives before frame 0; number the frames by arrival",
        ),
        (
            "frame,layer,executed\n0,conv1,maybe\n",
            "'maybe' is no number; write 1 where the layer runs and 0 where it is skipped",
        ),
        ("frame,layer,fraction\n0,conv1,nan\n", "2:3  fraction  nan is outside 0 .. 1; write a share between 0 and 1"),
        (
            'frame,layer,pieces\n0,conv1,"[1, -2]"\n',
            "2:3  pieces  write a JSON list of numbers from 0 up, one for each output row",
        ),
        ("", "1:1  header  the file is empty; write a header and a row for each frame and layer"),
    ],
)
def test_a_wrong_table_says_what_to_write(tmp_path: Path, text: str, message: str) -> None:
    file = tmp_path / "t.csv"
    file.write_text(text)
    with pytest.raises(FileProblems) as caught:
        load_stream(file, small_network())
    assert message in str(caught.value)


def test_a_column_is_told_by_the_name_that_the_file_gives_it(tmp_path: Path) -> None:
    file = tmp_path / "trace.csv"
    file.write_text("frame,layer,kept_fraction\n0,conv1,0.5\n1,conv1,1.5\n")
    with pytest.raises(FileProblems, match=r"3:3  kept_fraction  1\.5 is outside 0 \.\. 1"):
        load_stream(file, small_network())


def test_decisions_that_others_wait_for_come_back(tmp_path: Path) -> None:
    network = load_network("branchy-lenet")
    stream = early_exit_stream(network, frames=4, exits=(0.5, 0.5), seed=1)
    save_stream(stream, tmp_path / "exits.csv")
    assert stream.control
    assert load_stream(tmp_path / "exits.csv", network).control == stream.control


def test_recorded_shares_that_vary_are_gathered_and_steady_ones_are_not(tmp_path: Path) -> None:
    file = tmp_path / "trace.csv"
    file.write_text("frame,layer,kept\n0,conv1,0.5\n1,conv1,0.25\n0,fc,0.5\n1,fc,0.5\n")
    work = load_stream(file, small_network()).work
    assert work["conv1"].extra["gathered_weights"].tolist() == [
        share * work["conv1"].layer.weights for share in (0.5, 0.25)
    ]
    assert "gathered_weights" not in work["fc"].extra


def test_beyond_fifty_faults_the_rest_is_counted(tmp_path: Path) -> None:
    file = tmp_path / "t.csv"
    file.write_text("frame,layer,fraction\n" + "".join(f"{k},conv1,7\n" for k in range(200)))
    with pytest.raises(FileProblems) as caught:
        load_stream(file, small_network())
    assert str(caught.value).endswith("and 150 more")


def test_a_stream_of_another_network_is_refused(tmp_path: Path) -> None:
    file = tmp_path / "s.parquet"
    save_stream(static_stream(small_network(), 4), file)
    with pytest.raises(WorkloadError, match="was saved from the network 'pair', whose layers are not those of 'wide'"):
        load_stream(file, small_network("wide", channels=8))


@pytest.mark.parametrize("name", ["t.xlsx", "absent.csv", "absent.parquet", "broken.parquet", "binary.csv"])
def test_a_file_that_is_no_table_is_a_users_mistake(tmp_path: Path, name: str) -> None:
    if not name.startswith("absent"):
        (tmp_path / name).write_bytes(b"\xff\xfe\x00PAR1 nonsense")
    with pytest.raises(WorkloadError, match=name):
        load_stream(tmp_path / name, small_network())


def test_the_recorded_generator_takes_fewer_frames_and_other_arrivals(tmp_path: Path) -> None:
    network = small_network()
    file = tmp_path / "s.csv"
    save_stream(varying_stream(network, 9, seed=1), file)
    stream = build_stream(network, f"recorded:{file}", frames=4, arrivals="periodic:1kHz")
    assert stream.frames == 4
    assert stream.release_ps.tolist() == [0, 10**9, 2 * 10**9, 3 * 10**9]
    assert stream.work["conv1"].macs.shape == (4,)
    assert stream.work["fc"].is_static
    with pytest.raises(WorkloadError, match="records 9 frames, and 10 are asked for; write 1 to 9"):
        build_stream(network, f"recorded:{file}", frames=10)

"""Generators by name: the static one, how options are read out of text, and a user's own function."""

from __future__ import annotations

import sys
from pathlib import Path

import numpy as np
import pytest

from workloads.arrivals import DEFAULT_FRAMES
from workloads.builder import NetworkBuilder
from workloads.errors import WorkloadError
from workloads.generators import Schedule, build_stream, generator_names, load_generator, parse_workload, static_stream
from workloads.loading import load_network
from workloads.network import Network


@pytest.fixture
def network() -> Network:
    build = NetworkBuilder("pair")
    x = build.input((3, 8, 8))
    x = build.relu(build.conv(x, 4, 3, pad=1, name="conv1"), name="relu1")
    build.dense(build.flatten(build.max_pool(x, 2, name="pool1")), 10, name="fc")
    return build.build()


def test_static_frames_all_ask_the_dense_work_of_every_layer(network: Network) -> None:
    stream = static_stream(network, 5)
    assert list(stream.work) == ["conv1", "pool1", "fc"]
    assert [float(work.macs[0]) for work in stream.work.values()] == [3 * 4 * 9 * 64, 0, 4 * 16 * 10]
    assert all(work.is_static for work in stream.work.values())
    assert stream.is_saturated
    assert stream.release_ps.shape == (5,)
    assert dict(stream.origin) == {"generator": "static", "arrivals": "saturated", "seed": 0}


def test_static_arrivals_follow_the_rule_and_the_seed(network: Network) -> None:
    stream = static_stream(network, 3, "periodic:1kHz")
    assert stream.release_ps.tolist() == [0, 10**9, 2 * 10**9]
    first, second = (static_stream(network, 3, "poisson:1kHz", seed).release_ps for seed in (1, 2))
    assert not np.array_equal(first, second)


def test_built_in_generators_come_through_the_entry_points() -> None:
    assert {"static", "recorded"} <= set(generator_names())
    assert load_generator("static").summary == "Every frame asks the dense work of every layer"
    assert load_generator("recorded").usage == "recorded:file=..."


def test_deadline_and_loss_are_put_on_any_stream(network: Network) -> None:
    stream = build_stream(network, "static", frames=2, deadline="33 ms", lossy=True)
    assert stream.deadline_ps == 33 * 10**9
    assert stream.lossy


OWN = '''
from workloads.generators import static_stream

def half(network, frames, arrivals, seed, *, share: float = 0.5, layers: list[str] | None = None, exact: bool = False):
    """Half the work."""
    stream = static_stream(network, frames, arrivals, seed)
    stream.origin.update(share=share, layers=layers, exact=exact)
    return stream

def crooked(network, count):
    return None

def failing(network, frames, arrivals, seed):
    return network.layers["nowhere"]

def empty(network, frames, arrivals, seed):
    return None
'''


@pytest.fixture
def own_module(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> str:
    (tmp_path / "own_workloads.py").write_text(OWN)
    monkeypatch.syspath_prepend(str(tmp_path))
    monkeypatch.delitem(sys.modules, "own_workloads", raising=False)
    return "own_workloads"


def test_a_users_function_is_reached_by_its_place(own_module: str) -> None:
    found = load_generator(f"{own_module}:half")
    assert found.summary == "Half the work"
    assert found.usage == f"{own_module}:half:share=0.5,layers=none,exact=false"


def test_options_are_read_as_the_signature_says(network: Network, own_module: str) -> None:
    stream = build_stream(network, f'{own_module}:half:0.25,layers=["conv1","fc"],exact=true', frames=2)
    assert stream.origin["share"] == 0.25
    assert stream.origin["layers"] == ["conv1", "fc"]
    assert stream.origin["exact"] is True
    assert build_stream(network, f"{own_module}:half:layers=none").origin["layers"] is None
    with pytest.raises(WorkloadError, match="share is 'lots'; write a number, e"):
        build_stream(network, f"{own_module}:half:share=lots")


@pytest.mark.parametrize(
    ("text", "message"),
    [
        ("statik", "no workload 'statik'; did you mean 'static'?"),
        ("static:density=0.5", "workload 'static' has no option 'density'; it takes no options"),
        ("static:0.5", "workload 'static': '0.5' names no option; write option=value as in static"),
        ("recorded:files=a.csv", "workload 'recorded' has no option 'files'; did you mean 'file'? (known: file)"),
        ("recorded:file=a.csv,file=b.csv", "workload 'recorded:file=a.csv,file=b.csv': 'file' is given twice"),
        (
            "no.such:function",
            "workload 'no.such:function' cannot be loaded from 'no.such:function': No module named 'no'",
        ),
    ],
)
def test_a_wrong_workload_says_what_to_write(text: str, message: str) -> None:
    with pytest.raises(WorkloadError) as caught:
        parse_workload(text)
    assert str(caught.value).startswith(message)


def test_a_missing_option_is_named_with_the_usage(network: Network) -> None:
    with pytest.raises(WorkloadError) as caught:
        build_stream(network, "recorded")
    assert str(caught.value) == "workload 'recorded' needs file; write it as recorded:file=..."


def test_a_function_of_another_shape_is_refused(own_module: str) -> None:
    with pytest.raises(WorkloadError) as caught:
        load_generator(f"{own_module}:crooked")
    assert str(caught.value) == (
        f"workload '{own_module}:crooked' has the parameters (network, count);"
        " a generator has (network, frames, arrivals, seed, *, option=default, ...)"
    )


def test_a_function_that_fails_or_returns_no_stream_is_told_as_the_users_own(network: Network, own_module: str) -> None:
    with pytest.raises(WorkloadError, match=r"failing' fails with KeyError: 'nowhere'; --debug shows where"):
        build_stream(network, f"{own_module}:failing")
    with pytest.raises(WorkloadError, match=r"empty' returned NoneType; it must return a TokenStream"):
        build_stream(network, f"{own_module}:empty")


def test_a_module_that_cannot_be_imported_is_told_as_the_users_own(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    (tmp_path / "broken_workloads.py").write_text("1 / 0")
    monkeypatch.syspath_prepend(str(tmp_path))
    with pytest.raises(WorkloadError, match=r"importing 'broken_workloads' fails with ZeroDivisionError"):
        load_generator("broken_workloads:half")


@pytest.mark.parametrize(
    "text",
    [
        "changes:size=nan", "changes:size=1e308", "changes:speed=inf", "changes:speed=1e308", "changes:objects=-1",
        "changes:mask=[]", "slimmable:widths=[]", "slimmable:widths=[NaN]", "slimmable:widths=[[]]",
        "dynamic_filters:layers=[1,2]", "expandable:tasks=99999999999999999999",
        "progressive:tasks=99999999999999999999",
    ],
)  # fmt: skip
def test_options_out_of_all_proportion_are_refused(network: Network, text: str) -> None:
    with pytest.raises(WorkloadError):
        build_stream(network, text, frames=4)


def test_sentences_are_bounded() -> None:
    dcnn = load_network("dcnn")
    with pytest.raises(WorkloadError, match="in rising order, from 1 to 100000"):
        build_stream(dcnn, "sentences:longest=99999999999999999999", frames=4)
    with pytest.raises(WorkloadError, match="top is 53; write how many values the last pool keeps"):
        build_stream(dcnn, "sentences:top=53", frames=4)


def test_a_schedule_makes_the_stream_of_a_users_own_work(network: Network) -> None:
    schedule = Schedule.of(3, None, 7, unless_given="periodic:1kHz")
    work = static_stream(network, 3).work
    stream = schedule.stream("own", network, work, {"share": 0.5}, deadline_ps=5)
    assert (stream.frames, stream.deadline_ps, stream.work) == (3, 5, work)
    assert stream.release_ps.tolist() == [0, 10**9, 2 * 10**9]
    assert dict(stream.origin) == {"generator": "own", "share": 0.5, "arrivals": schedule.rule.text, "seed": 7}
    assert Schedule.of(None, "saturated", 0).frames == DEFAULT_FRAMES

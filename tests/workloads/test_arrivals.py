"""When frames arrive: hand-checked times, the theory of the random kinds, and what is said about mistakes."""

from __future__ import annotations

import subprocess
import sys
from fractions import Fraction
from pathlib import Path

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from workloads.arrivals import Bursty, Periodic, Poisson, Saturated, frame_count, parse_arrivals, read_arrivals
from workloads.errors import FileProblems, WorkloadError

PS_PER_SECOND = 10**12


def test_saturated_frames_all_wait_from_the_start() -> None:
    assert Saturated().release_ps(3).tolist() == [0, 0, 0]


def test_a_period_that_is_no_whole_number_of_picoseconds_builds_up_no_error() -> None:
    times = parse_arrivals("periodic:30Hz").release_ps(300_001)
    assert times[:4].tolist() == [0, 33_333_333_333, 66_666_666_667, 100_000_000_000]
    assert int(times[300_000]) == 10_000 * PS_PER_SECOND


def test_a_rate_with_a_long_fraction_is_as_exact_as_a_short_one() -> None:
    rate = Fraction(10**15 + 37, 10**13)
    times = Periodic(rate).release_ps(5000)
    assert times.tolist() == [int(Fraction(k) / rate * PS_PER_SECOND + Fraction(1, 2)) for k in range(5000)]


def test_a_period_may_stand_for_a_rate() -> None:
    assert parse_arrivals("periodic:40 ms").release_ps(3).tolist() == [0, 40 * 10**9, 80 * 10**9]


def test_jitter_delays_each_frame_by_at_most_itself_and_keeps_the_order() -> None:
    plain = parse_arrivals("periodic:1kHz").release_ps(2000)
    late = parse_arrivals("periodic:1kHz,jitter=200us").release_ps(2000, seed=4) - plain
    assert late.min() >= 0
    assert late.max() <= 200 * 10**6
    assert abs(late.mean() - 100 * 10**6) < 5 * 10**6
    wild = parse_arrivals("periodic:1kHz,jitter=5ms").release_ps(2000, seed=4)
    assert (np.diff(wild) >= 0).all()


def test_poisson_gaps_have_the_mean_and_the_spread_of_an_exponential() -> None:
    gaps = np.diff(parse_arrivals("poisson:50Hz").release_ps(40_001, seed=2)) / PS_PER_SECOND
    # The mean of n exponential gaps is normal with deviation mean / sqrt(n): 4 deviations are 2 % at n = 40,000.
    assert gaps.mean() == pytest.approx(0.02, rel=0.02)
    assert gaps.std() == pytest.approx(0.02, rel=0.03)


def test_bursts_keep_the_mean_rate_of_the_interrupted_poisson_process() -> None:
    rule = parse_arrivals("bursty:200Hz,on=50ms,off=150ms")
    assert isinstance(rule, Bursty)
    times = rule.release_ps(200_000, seed=5)
    assert 200_000 / (times[-1] / PS_PER_SECOND) == pytest.approx(50, rel=0.03)


def test_bursts_are_burstier_than_poisson_by_kuczura() -> None:
    """The gap of an interrupted Poisson process is hyperexponential, with the moments that Kuczura (1973) gives."""
    rate, to_off, to_on = 200.0, 1 / 0.05, 1 / 0.15
    first = (to_off + to_on) / (rate * to_on)
    second = 2 * ((to_off + to_on) ** 2 + rate * to_off) / (rate * to_on) ** 2
    expected = second / first**2 - 1
    gaps = np.diff(parse_arrivals("bursty:200Hz,on=50ms,off=150ms").release_ps(400_000, seed=6)).astype(float)
    assert expected > 4
    assert gaps.var() / gaps.mean() ** 2 == pytest.approx(expected, rel=0.06)


@pytest.mark.parametrize("text", ["poisson:30Hz", "periodic:30Hz,jitter=40ms", "bursty:100Hz,on=50ms,off=200ms"])
def test_more_frames_leave_the_first_arrivals_as_they_were(text: str) -> None:
    rule = parse_arrivals(text)
    assert np.array_equal(rule.release_ps(50, seed=9), rule.release_ps(5000, seed=9)[:50])
    assert not np.array_equal(rule.release_ps(50, seed=9), rule.release_ps(50, seed=10))


def test_arrivals_are_the_same_in_another_process() -> None:
    text = "bursty:9Hz,on=1s,off=1s"
    code = f"from workloads.arrivals import parse_arrivals; print(parse_arrivals({text!r}).release_ps(9, 3).tolist())"
    other = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=True).stdout
    assert other.strip() == str(parse_arrivals(text).release_ps(9, 3).tolist())


@given(rate=st.fractions(min_value=Fraction(1, 100), max_value=10**6, max_denominator=1000), seed=st.integers(0, 99))
def test_random_arrivals_never_fall_and_never_begin_before_zero(rate: Fraction, seed: int) -> None:
    for rule in (Poisson(rate), Bursty(rate, 3 / rate, 7 / rate), Periodic(rate, 2 / rate)):
        times = rule.release_ps(40, seed)
        assert times.dtype == np.int64
        assert times.shape == (40,)
        assert int(times[0]) >= 0
        assert (np.diff(times) >= 0).all()


@pytest.mark.parametrize(
    "text",
    [
        "saturated",
        "periodic:30Hz",
        "periodic:33.3ms",
        "periodic:1000Hz,jitter=0.25ms",
        "bursty:100Hz,on=50ms,off=200ms",
    ],
)
def test_a_rule_writes_itself_as_it_is_read(text: str) -> None:
    rule = parse_arrivals(text)
    assert rule.text == text
    assert parse_arrivals(rule.text) == rule


def test_a_trace_gives_its_arrivals_and_their_number(tmp_path: Path) -> None:
    file = tmp_path / "camera.csv"
    file.write_text("# a camera, 2 June\nframe,release_us\n0,0\n1,33.3333335\n\n2,40\n")
    rule = parse_arrivals(f"trace:{file}")
    assert rule.release_ps(3).tolist() == [0, 33_333_334, 40_000_000]
    assert frame_count(None, rule) == 3
    with pytest.raises(WorkloadError, match="records 3 arrivals, and 4 frames are asked for; write frames=3 or fewer"):
        rule.release_ps(4)


def test_every_wrong_row_of_a_trace_is_told_at_once(tmp_path: Path) -> None:
    file = tmp_path / "t.csv"
    file.write_text("release_ms,camera\n5,a\nnow,a\n-1,b\n3,b\n1e30,c\n,d\n")
    with pytest.raises(FileProblems) as caught:
        read_arrivals(file)
    assert str(caught.value) == (
        f"{file}: 5 problems\n"
        "  3:1  release_ms  'now' is no time; write a number that is not negative\n"
        "  4:1  release_ms  '-1' is negative; count from the start of the run\n"
        "  5:1  release_ms  '3' is earlier than the row before; sort the rows by arrival\n"
        "  6:1  release_ms  '1e30' is beyond the 106 days that a run can last\n"
        "  7:1  release_ms  '' is no time; write a number that is not negative"
    )


def test_a_trace_without_a_column_of_times_says_which_names_there_are(tmp_path: Path) -> None:
    file = tmp_path / "t.csv"
    file.write_text("frame,arrival\n0,1\n")
    with pytest.raises(FileProblems, match="no column of arrival times in 'frame,arrival'; name one release_ps"):
        read_arrivals(file)


@pytest.mark.parametrize(
    ("text", "message"),
    [
        (
            "periodik:30Hz",
            (
                "arrivals 'periodik:30Hz': no kind 'periodik'; did you mean 'periodic'?"
                " (known: bursty, periodic, poisson, saturated, trace); write e.g. 'periodic:30Hz'"
            ),
        ),
        ("periodic", "arrivals 'periodic': periodic needs more; write e.g. 'periodic:30Hz'"),
        ("periodic:30", "arrivals 'periodic:30': the rate is '30', which has no unit; write e.g. '30 Hz'"),
        (
            "periodic:30hz",
            (
                "arrivals 'periodic:30hz': the rate is '30hz': no unit 'hz';"
                " did you mean 'Hz'? (upper and lower case matter)"
            ),
        ),
        ("poisson:0Hz", "arrivals 'poisson:0Hz': the rate is '0Hz'; write one above zero, e.g. '30 Hz'"),
        (
            "periodic:fast",
            "arrivals 'periodic:fast': the rate is 'fast', which is no number with a unit; write e.g. '30 Hz'",
        ),
        (
            "poisson:30Hz,jitter=1ms",
            (
                "arrivals 'poisson:30Hz,jitter=1ms': poisson has no option 'jitter'; it takes a rate alone;"
                " write e.g. 'poisson:30Hz'"
            ),
        ),
        (
            "bursty:30Hz,on=1s",
            (
                "arrivals 'bursty:30Hz,on=1s': bursty needs 'off', the mean length of such a phase, above zero;"
                " write e.g. 'bursty:100Hz,on=50ms,off=200ms'"
            ),
        ),
        ("periodic:9Hz,jitter", "arrivals 'periodic:9Hz,jitter': 'jitter' has no value; write e.g. 'jitter=1ms'"),
        (
            "periodic:9Hz,jitter=1",
            "arrivals 'periodic:9Hz,jitter=1': jitter is '1', which has no unit; write e.g. '1 ms'",
        ),
        ("saturated:5Hz", "arrivals 'saturated:5Hz': saturated takes no parameters; write 'saturated'"),
        ("trace:missing.csv", "no file 'missing.csv'; name a CSV file that exists"),
        (
            "periodic:1e999999999Hz",
            (
                "arrivals 'periodic:1e999999999Hz': the rate is '1e999999999Hz', which is out of all proportion;"
                " write e.g. '30 Hz'"
            ),
        ),
    ],
)
def test_a_wrong_rule_says_what_to_write(text: str, message: str) -> None:
    with pytest.raises(WorkloadError) as caught:
        parse_arrivals(text)
    assert str(caught.value) == message


def test_arrivals_beyond_64_bit_picoseconds_are_refused() -> None:
    for text in ("periodic:1000s", "poisson:1000s", "bursty:1000s,on=1s,off=1s"):
        with pytest.raises(WorkloadError, match="last longer than the 106 days"):
            parse_arrivals(text).release_ps(100_000)


def test_a_run_of_no_frames_is_refused() -> None:
    with pytest.raises(WorkloadError, match="1000000000000 frames are asked for; write frames=134217728 or fewer"):
        frame_count(10**12, Saturated())
    with pytest.raises(WorkloadError, match="the seed is -1; write 0 or more"):
        parse_arrivals("poisson:30Hz").release_ps(3, seed=-1)
    with pytest.raises(WorkloadError, match="0 frames are asked for; write frames=1 or more"):
        frame_count(0, Saturated())

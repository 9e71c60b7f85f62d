"""Wirings from the user's own CSV."""

from __future__ import annotations

from pathlib import Path

import pytest

from workloads.errors import FileProblems
from workloads.ode import format_wiring, lane_keeping, random_wiring, read_wiring, write_wiring


def test_a_written_wiring_reads_back_equal(tmp_path: Path) -> None:
    for wiring in (lane_keeping(), random_wiring(inputs=16, units=32, outputs=4, sparsity=0.8)):
        write_wiring(wiring, tmp_path / "w.csv")
        assert read_wiring(tmp_path / "w.csv") == wiring


def test_the_file_lists_sensory_synapses_first_with_their_types() -> None:
    lines = format_wiring(lane_keeping()).splitlines()
    assert lines[:2] == ["kind,src,dst,polarity,src_type,dst_type", "sensory,0,8,-1,sensory,inter"]
    assert len(lines) == 253


def test_without_types_the_first_neurons_are_the_outputs(tmp_path: Path) -> None:
    file = tmp_path / "own.csv"
    file.write_text("polarity, kind, src, dst\n+1,sensory,0,2\n\n-1,internal,2,1\n1,internal,2,0\n")
    wiring = read_wiring(file, outputs=2, inputs=3)
    assert wiring.types == ("motor", "motor", "inter")
    assert (wiring.inputs, wiring.sensory_synapses, wiring.internal_synapses) == (3, 1, 2)
    assert wiring.internal[2].tolist() == [1, -1, 0]


def test_all_faulty_rows_are_told_at_once(tmp_path: Path) -> None:
    file = tmp_path / "bad.csv"
    file.write_text(
        "kind,src,dst,polarity,src_type,dst_type\n"
        "sensory,0,1,1,sensory,inter\n"
        "sensoric,0,1,1,sensory,inter\n"
        "internal,1,x,2,inter,motor\n"
        "sensory,0,1,-1,sensory,inter\n"
        "internal,1,0,1,command,motor\n"
        "internal,1,0\n"
        "sensory,9,1,1,inter,inter\n"
        "internal,1,0,1,inter,moto\n"
    )
    with pytest.raises(FileProblems) as caught:
        read_wiring(file, inputs=4)
    assert str(caught.value) == "\n".join(
        [
            f"{file}: 8 problems",
            "  3:1   kind      'sensoric' is no kind of synapse; did you mean 'sensory'? (known: internal, sensory)",
            "  4:12  dst       'x' is not an index; indices are integers from 0",
            "  4:14  polarity  '2' is not +1 or -1",
            "  5:1   row       sensory synapse 0 -> 1 stands in line 2 too; give it once",
            "  6:16  src_type  neuron 1 is 'command' here but 'inter' in line 2",
            "  7:1   row       3 cells, the header has 6: kind,src,dst,polarity,src_type,dst_type",
            "  8:9   src       9 is beyond the 4 inputs; allowed are 0 to 3",
            "  9:22  dst_type  'moto' is no type of neuron; did you mean 'motor'? (known: command, inter, motor)",
        ]
    )


@pytest.mark.parametrize(
    ("text", "message"),
    [
        ("kind,src,target,polarity\n", "unknown column 'target'"),
        ("kind,src,target,polarity\n", "no column dst; the first line is 'kind,src,dst,polarity'"),
        ("", "no column kind, src, dst, polarity"),
        ("kind,src,dst,polarity,src\n", "column 'src' stands 2 times; once is allowed"),
        ("kind,src,dst,polarity,src_type\n", "only src_type is given; give both of src_type, dst_type or neither"),
        ("kind,src,dst,polarity\n", "holds no synapse; write one row for each, e.g. 'sensory,0,3,1'"),
        ("kind,src,dst,polarity\nsensory,0,99999999,1\n", "99999999 is more than a wiring can have"),
        (
            "kind,src,dst,polarity,src_type,dst_type\nsensory,0,0,1,sensory,inter\n",
            "the neurons of the lowest ids, and no others, must be 'motor': they are the output",
        ),
    ],
)
def test_a_file_that_is_no_wiring_says_why(tmp_path: Path, text: str, message: str) -> None:
    (tmp_path / "w.csv").write_text(text)
    with pytest.raises(FileProblems) as caught:
        read_wiring(tmp_path / "w.csv")
    assert message in str(caught.value)


def test_a_missing_file_is_a_problem_of_the_file(tmp_path: Path) -> None:
    with pytest.raises(FileProblems, match="cannot be read as UTF-8 text: No such file or directory"):
        read_wiring(tmp_path / "none.csv")


def test_more_outputs_than_neurons_are_refused(tmp_path: Path) -> None:
    (tmp_path / "w.csv").write_text("kind,src,dst,polarity\nsensory,0,1,1\n")
    with pytest.raises(FileProblems, match="5 outputs, but the file has 2 neurons"):
        read_wiring(tmp_path / "w.csv", outputs=5)

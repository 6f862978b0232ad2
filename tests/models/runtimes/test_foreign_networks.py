"""Networks that nobody here exported: refused by what they ask for, before a runtime opens them."""

from __future__ import annotations

from pathlib import Path

import numpy as np
import onnx
import pytest
from onnx import TensorProto, helper, numpy_helper

from deepfakebench_ext.common.errors import ModelError, WeightsError
from deepfakebench_ext.models.runtimes.onnx_file import check_onnx, read_onnx
from deepfakebench_ext.models.runtimes.onnx_session import OnnxSession
from deepfakebench_ext.models.runtimes.openvino_session import OpenVinoSession

_NONE = frozenset()


def network(folder: Path, *, nodes=None, tensors=(), outputs=2, name="image", kind=TensorProto.FLOAT) -> Path:
    """An ONNX of one small layer."""
    weight = numpy_helper.from_array(np.zeros((48, outputs), np.float32), "w")
    nodes = nodes or [
        helper.make_node("Flatten", [name], ["flat"]),
        helper.make_node("MatMul", ["flat", "w"], ["logits"]),
    ]
    image = helper.make_tensor_value_info(name, kind, ["batch", 3, 4, 4])
    logits = helper.make_tensor_value_info("logits", TensorProto.FLOAT, ["batch", outputs])
    graph = helper.make_graph(nodes, "g", [image], [logits], [weight, *tensors])
    model = helper.make_model(graph, opset_imports=[helper.make_opsetid("", 20), helper.make_opsetid("mine", 1)])
    path = folder / "model.onnx"
    path.write_bytes(model.SerializeToString())
    return path


def outside(location: str) -> TensorProto:
    tensor = TensorProto(name="far", data_type=TensorProto.FLOAT, dims=[4], data_location=TensorProto.EXTERNAL)
    tensor.external_data.add(key="location", value=location)
    return tensor


def test_a_plain_network_passes_and_runs_alike_in_both(tmp_path):
    path = network(tmp_path)
    check_onnx(path, _NONE)
    for session in (
        OnnxSession(path, (3, 4, 4), dtype="float32"),
        OpenVinoSession(path, (3, 4, 4), dtype="float32"),
    ):
        assert session(np.ones((5, 3, 4, 4), np.float32)).tolist() == [[0, 0]] * 5


def _in_a_branch(node):
    inner = helper.make_graph([node], "inner", [], [helper.make_tensor_value_info("y", TensorProto.FLOAT, None)])
    return helper.make_node("If", ["c"], ["logits"], then_branch=inner, else_branch=inner)


@pytest.mark.parametrize("deep", [False, True])
def test_an_operator_of_a_library_is_refused(tmp_path, deep):
    node = helper.make_node("Run", ["image"], ["logits"], domain="mine")
    path = network(tmp_path, nodes=[_in_a_branch(node) if deep else node])
    with pytest.raises(
        WeightsError, match=r"operators of 'mine'.*allowed are those of ONNX.*Write it with: dfb-ext export"
    ):
        check_onnx(path, _NONE)


@pytest.mark.parametrize(
    "location", ["../secret", "/etc/passwd", "model.onnx.data", "*/_ORT_MEM_ADDR_/*", "sub/model.onnx.data", ""]
)
def test_tensors_in_files_that_are_not_its_own_are_refused(tmp_path, location):
    path = network(tmp_path, tensors=[outside(location)])
    with pytest.raises(WeightsError, match="keeps tensors in"):
        check_onnx(path, _NONE)
    constant = helper.make_node("Constant", [], ["logits"], value=outside(location))
    with pytest.raises(WeightsError, match="keeps tensors in"):
        check_onnx(network(tmp_path, nodes=[_in_a_branch(constant)]), _NONE)


def test_tensors_in_its_own_file_pass(tmp_path):
    path = network(tmp_path, tensors=[outside("model.onnx.data")])
    check_onnx(path, frozenset({"model.onnx.data"}))


def test_it_reads_what_onnx_wrote(tmp_path):
    path = network(tmp_path)
    assert read_onnx(path).nodes == len(onnx.load(path).graph.node)


def test_what_is_no_onnx_or_not_whole_is_refused(tmp_path):
    whole = network(tmp_path).read_bytes()
    path = tmp_path / "other.onnx"
    for content in (b"", b"not a network at all", whole[: len(whole) // 2], whole[:-1], b"\x00" * 99, b"\xff" * 99):
        path.write_bytes(content)
        with pytest.raises(WeightsError, match=r"is no (whole )?ONNX file"):
            check_onnx(path, _NONE)
    with pytest.raises(WeightsError, match="is no whole ONNX file"):
        check_onnx(tmp_path, _NONE)


def test_a_message_within_itself_a_thousand_times_is_refused(tmp_path):
    content = b""
    for _ in range(1000):  # a graph in an attribute in a node in a graph ...
        for tag in (0x32, 0x2A, 0x0A):
            content = bytes([tag]) + _length(content) + content
    path = tmp_path / "deep.onnx"
    path.write_bytes(b"\x3a" + _length(content) + content)
    with pytest.raises(WeightsError, match="nested too deep"):
        check_onnx(path, _NONE)


def _length(content: bytes) -> bytes:
    number, said = len(content), b""
    while number > 0x7F:
        number, said = number >> 7, said + bytes([number & 0x7F | 0x80])
    return said + bytes([number])


@pytest.mark.parametrize("opened", [OnnxSession, OpenVinoSession])
def test_another_network_is_refused_by_its_inputs_and_outputs(tmp_path, opened):
    for changes in ({"outputs": 3}, {"name": "input"}):
        with pytest.raises(WeightsError, match="none of this package's exports: it has"):
            opened(network(tmp_path, **changes), (3, 4, 4), dtype="float32")
    with pytest.raises(WeightsError, match=r"asks for image float32 \['batch', 3, 8, 8\]"):
        opened(network(tmp_path), (3, 8, 8), dtype="float32")


@pytest.mark.parametrize("opened", [OnnxSession, OpenVinoSession])
def test_other_numbers_than_float32_are_refused(tmp_path, opened):
    nodes = [
        helper.make_node("Cast", ["image"], ["wide"], to=TensorProto.FLOAT),
        helper.make_node("Flatten", ["wide"], ["flat"]),
        helper.make_node("MatMul", ["flat", "w"], ["logits"]),
    ]
    with pytest.raises(WeightsError, match=r"it has image \S*f\S*16\S* \[.*asks for image float32"):
        opened(network(tmp_path, nodes=nodes, kind=TensorProto.FLOAT16), (3, 4, 4), dtype="float32")


def test_what_ends_as_it_is_computed_is_a_sentence(tmp_path):
    three = numpy_helper.from_array(np.zeros((3, 2), np.float32), "three")
    nodes = [
        helper.make_node("Flatten", ["image"], ["flat"]),
        helper.make_node("MatMul", ["flat", "w"], ["two"]),
        helper.make_node("Add", ["two", "three"], ["logits"]),  # for a batch of three alone
    ]
    session = OnnxSession(network(tmp_path, nodes=nodes, tensors=[three]), (3, 4, 4), dtype="float32")
    assert session(np.ones((3, 3, 4, 4), np.float32)).shape == (3, 2)
    with pytest.raises(ModelError, match=r"onnxruntime cannot compute it: .*Add"):
        session(np.ones((5, 3, 4, 4), np.float32))


@pytest.mark.parametrize("opened", [OnnxSession, OpenVinoSession])
def test_other_than_two_logits_for_each_input_are_refused(tmp_path, opened):
    rows = numpy_helper.from_array(np.array([-1, 2], np.int64), "rows")
    wide = numpy_helper.from_array(np.zeros((48, 4), np.float32), "wide")
    nodes = [
        helper.make_node("Flatten", ["image"], ["flat"]),
        helper.make_node("MatMul", ["flat", "wide"], ["four"]),
        helper.make_node("Reshape", ["four", "rows"], ["logits"]),
    ]
    session = opened(network(tmp_path, nodes=nodes, tensors=[rows, wide]), (3, 4, 4), dtype="float32")
    with pytest.raises(ModelError, match=r"gives \[10, 2\] logits for 5 inputs"):
        session(np.ones((5, 3, 4, 4), np.float32))


def test_an_onnx_that_is_called_xml_is_not_opened(tmp_path):
    path = network(tmp_path, tensors=[outside("../secret")]).rename(tmp_path / "model.xml")
    with pytest.raises(WeightsError, match="is no OpenVINO network, which begins with"):
        OpenVinoSession(path, (3, 4, 4), dtype="float32")


@pytest.mark.parametrize("opened", [OnnxSession, OpenVinoSession])
def test_an_operator_that_is_none_is_refused_in_a_sentence(tmp_path, opened):
    path = network(tmp_path, nodes=[helper.make_node("Nothing", ["image"], ["logits"])])
    with pytest.raises(WeightsError, match=r"is no network that .* can open"):
        opened(path, (3, 4, 4), dtype="float32")


def test_a_damaged_network_is_refused_in_a_sentence_though_openvino_quotes_its_bytes(tmp_path):
    openvino = pytest.importorskip("openvino")
    path = tmp_path / "model.xml"
    openvino.save_model(openvino.Core().read_model(network(tmp_path)), str(path))
    path.write_bytes(path.read_bytes().replace(b'type="MatMul"', b'type="\xff\xfe"'))
    with pytest.raises(WeightsError, match=r"model\.xml is no network that openvino can open: Exception from"):
        OpenVinoSession(path, (3, 4, 4), dtype="float32")

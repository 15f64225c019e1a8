"""A graph in ONNX Runtime, run on arrays by their names. ONNX Runtime is imported here alone."""

from __future__ import annotations

import re
from contextlib import suppress
from pathlib import Path
from typing import Any

import numpy as np
import onnxruntime
from numpy.typing import NDArray
from onnxruntime.capi import onnxruntime_pybind11_state as pybind

from app.kinds.batches import Port, Served, batch_of
from app.kinds.kind import InputError, ModelError
from app.kinds.tensors import Tensors

NAME = "serving_default"
_DTYPES = {
    "float": "float32",
    "double": "float64",
    "float16": "float16",
    "string": "object",
    **{name: name for name in ("bool", "int8", "int16", "int32", "int64")},
    **{name: name for name in ("uint8", "uint16", "uint32", "uint64")},
}
_TENSOR = re.compile(r"tensor\((\w+)\)")
# scikit-learn's exporter gives the classes' scores so: a mapping for each row.
_MAPS = re.compile(r"seq\(map\((int64|string),\s*tensor\((float|double)\)\)\)")
# What its errors say before the point: a code, the place in its own source, paths.
_PREFIX = re.compile(
    r"\[ONNXRuntimeError\] : \d+ : \w+ : |Load model from \S+ failed: ?|\S*/\S*/"
    r"|\S+\.(?:h|cc):\d+ .*?\) (?=[A-Z])"
)
_TOO_NEW = re.compile(r"official support for domain (\S+) is till opset (\d+)")
_UNKNOWN = re.compile(
    r"([\w.]*):(\w+)\(-?\d+\) is not a registered function/op|No Op registered for (\w+) with"
)
_FATAL = 4
_MOST_TOLD = 200
# What the name of the classes ends in whose scores an output is.
_CLASSES = "_classes"
# How long an open side is made where it is tried what comes out.
_SIDES = (1, 32)


class OnnxSession:
    """A graph with its weights, ready to run; raises ModelError.

    Args:
        path: the file; weights outside of it lie beside it.
        threads: of one run; 0 is ONNX Runtime's own choice.
    """

    def __init__(self, path: Path, *, threads: int = 0) -> None:
        onnxruntime.disable_telemetry_events()
        options = onnxruntime.SessionOptions()
        options.log_severity_level = _FATAL
        options.intra_op_num_threads = threads
        # Else its threads burn a core each for a while after every run, beside other models.
        options.add_session_config_entry("session.intra_op.allow_spinning", "0")
        try:
            self._session = onnxruntime.InferenceSession(
                str(path), options, providers=["CPUExecutionProvider"], enable_fallback=0
            )
        except Exception as error:
            # Its errors have no base class of their own.
            raise ModelError(_refusal(path.name, error)) from error
        self._path = path
        self.warnings: list[str] = []
        self.served = self._served()

    def run(self, inputs: Tensors) -> dict[str, NDArray[Any]]:
        """Return the outputs by their names; text is bytes. Raises InputError."""
        feeds = {name: _as_text(value) for name, value in inputs.items()}
        outputs: dict[str, NDArray[Any]] = {}
        try:
            found = self._session.run(self._names, feeds)
        except pybind.InvalidArgument as error:
            raise InputError(f"the model refuses it: {line(error)}") from error
        for name, value in zip(self._names, found, strict=True):
            if isinstance(value, list):
                keys, values = _from_maps(value)
                outputs |= {name: values, f"{name}{_CLASSES}": keys}
            else:
                outputs[name] = _as_bytes(value)
        return outputs

    def try_run(self, instance: Tensors) -> None:
        """Run one instance that is made up, and so need not be what the graph takes."""
        with suppress(InputError, pybind.RuntimeException, pybind.Fail):
            self.run(batch_of(self.served, instance))

    @property
    def _names(self) -> list[str]:
        return list(dict.fromkeys(port.tensor for port in self.served.outputs))

    def _served(self) -> Served:
        inputs = tuple(self._port(one) for one in self._session.get_inputs())
        outputs = []
        for one in self._session.get_outputs():
            if maps := _MAPS.fullmatch(one.type):
                outputs += _map_ports(one.name, *maps.groups())
            elif _dtype(one.type) is not None:
                outputs.append(self._port(one))
            else:
                self.warnings.append(f"the output {one.name} is left out: it is a {one.type}")
        if not outputs:
            raise ModelError(f"{self._path.name} has no output that is a tensor")
        served = Served(NAME, (), tuple(outputs)).with_inputs(inputs)
        first = {one.shape[0] for one in self._session.get_inputs() if one.shape}
        if not served.is_batched or len({name for name in first if _is_named(name)}) > 1:
            return Served(NAME, inputs, tuple(outputs))
        self.served = served
        return self._told_apart(served, first)

    def _told_apart(self, served: Served, first: set[object]) -> Served:
        """Return it with those outputs by instance of which it is known, or shown."""
        sides = {one.name: (one.shape or [None])[0] for one in self._session.get_outputs()}
        doubted = [
            one
            for one in served.outputs
            if not _is_named(sides[one.tensor]) or sides[one.tensor] not in first
        ]
        shown = self._shown(served) if doubted else set()
        outputs = tuple(
            _by_instance(port, port not in doubted or port.name in shown) for port in served.outputs
        )
        return Served(NAME, served.inputs, outputs, is_batched=True)

    def _shown(self, served: Served) -> set[str]:
        """Return the outputs that have a row an instance, of two as of three."""
        for side in _SIDES:
            try:
                two, three = (self.run(_made_up(served, count, side)) for count in (2, 3))
            except Exception:  # Not every graph takes what is made up; nothing is shown then.
                continue
            return {
                name
                for name in two
                if two[name].ndim and (len(two[name]), len(three[name])) == (2, 3)
            }
        return set()

    def _port(self, told: Any) -> Port:
        dtype = _dtype(told.type)
        if dtype is None:
            raise ModelError(
                f"{self._path.name}: {told.name} is a {told.type}, for which JSON has no form"
            )
        shape = tuple(side if isinstance(side, int) else None for side in told.shape)
        return Port(told.name, told.name, dtype, shape, "text" if dtype.kind == "O" else "number")


def _refusal(name: str, error: Exception) -> str:
    """Say why a file is not taken, and what to do where that is known."""
    if newest := _TOO_NEW.search(str(error)):
        return (
            f"{name} needs a newer ONNX Runtime: this one knows {newest[1]} up to opset "
            f"{newest[2]}; export it with that one"
        )
    if unknown := _UNKNOWN.search(str(error)):
        domain, op = unknown[1] or "ai.onnx", unknown[2] or unknown[3]
        return (
            f"{name} uses the op {op} of {domain}, which ONNX Runtime does not have; export it "
            f"without ops of your own"
        )
    return f"ONNX Runtime does not take {name}: {line(error)}"


def line(error: Exception) -> str:
    """Return what ONNX Runtime says, as the start of one line, without paths."""
    first = next((one for one in str(error).splitlines() if one.strip()), type(error).__name__)
    told = _PREFIX.sub("", first).strip()
    return told if len(told) <= _MOST_TOLD else f"{told[: _MOST_TOLD - 1]}…"


def _dtype(kind: str) -> np.dtype[Any] | None:
    """Return numpy's type of a tensor's; None for what JSON has no form for."""
    tensor = _TENSOR.fullmatch(kind)
    return np.dtype(_DTYPES[tensor[1]]) if tensor and tensor[1] in _DTYPES else None


def _made_up(served: Served, count: int, side: int) -> Tensors:
    inputs = {}
    for port in served.inputs:
        shape = (count, *(one or side for one in (port.shape or (None,))[1:]))
        is_text = port.dtype.kind == "O"
        inputs[port.name] = np.full(shape, b"0", object) if is_text else np.zeros(shape, port.dtype)
    return inputs


def _by_instance(port: Port, is_by_instance: bool) -> Port:
    return Port(
        port.name, port.tensor, port.dtype, port.shape, port.role, is_by_instance=is_by_instance
    )


def _is_named(side: object) -> bool:
    """Say whether a side has a name that somebody gave it."""
    return isinstance(side, str) and side not in ("", "?") and not side.startswith("unk__")


def _as_text(value: NDArray[Any]) -> NDArray[Any]:
    if value.dtype.kind != "O":
        return value
    texts = [one.decode() if isinstance(one, bytes) else one for one in value.ravel()]
    return np.array(texts, object).reshape(value.shape)


def _as_bytes(value: NDArray[Any]) -> NDArray[Any]:
    if value.dtype.kind not in "OU":
        return value
    texts = [str(one).encode() for one in value.ravel()]
    return np.array(texts, object).reshape(value.shape)


def _map_ports(name: str, key: str, number: str) -> list[Port]:
    shape, dtype = (None, None), np.dtype(_DTYPES[key])
    return [
        Port(name, name, np.dtype(_DTYPES[number]), shape),
        Port(f"{name}{_CLASSES}", name, dtype, shape, "text" if dtype.kind == "O" else "number"),
    ]


def _from_maps(rows: list[dict[Any, float]]) -> tuple[NDArray[Any], NDArray[Any]]:
    """Return the mappings' keys, and their values, each [rows, classes]."""
    keys = np.array([list(row) for row in rows])
    return _as_bytes(keys), np.array([list(row.values()) for row in rows])

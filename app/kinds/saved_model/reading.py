"""Reads `saved_model.pb`: the graph that serves, its signatures, its assets.

Imports TensorFlow, whose own classes parse the file; no part of the graph runs here.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from google.protobuf.message import DecodeError

from app.kinds.frameworks import meta_graph_pb2, saved_model_pb2
from app.kinds.kind import ModelError
from app.kinds.saved_model.files import GRAPH

_SERVE = "serve"
_OWN = "__saved_model_"
_INIT = f"{_OWN}init_op"
_INIT_COLLECTIONS = ("saved_model_main_op", "legacy_init_op")


@dataclass(frozen=True)
class Reading:
    """What a SavedModel's file says.

    `assets` are the names of files by the tensors that hold their paths; `init` is the operation
    that fills tables, `restore` the one that reads the variables from what `saver_path` names.
    """

    meta_graph: Any
    signatures: Mapping[str, Any]
    assets: Mapping[str, str]
    init: str | None
    restore: str | None
    saver_path: str | None

    @property
    def graph_def(self) -> Any:
        """The graph."""
        return self.meta_graph.graph_def


def read(folder: Path) -> Reading:
    """Return what the folder's file says; raises ModelError, or OSError."""
    file = saved_model_pb2.SavedModel()
    try:
        file.ParseFromString((folder / GRAPH).read_bytes())
    except DecodeError:
        raise ModelError(
            f"{GRAPH} is cut short or no SavedModel: it does not parse; copy or export it again"
        ) from None
    meta_graph = _serving(file.meta_graphs)
    signatures = {
        name: signature
        for name, signature in sorted(meta_graph.signature_def.items())
        if not name.startswith(_OWN)
    }
    saver = meta_graph.saver_def
    return Reading(
        meta_graph,
        signatures,
        _assets(meta_graph),
        _init(meta_graph),
        node_of(saver.restore_op_name) or None,
        saver.filename_tensor_name or None,
    )


def node_of(tensor: str) -> str:
    """Return the name of the node whose output a tensor is."""
    return tensor.partition(":")[0].removeprefix("^")


def _serving(meta_graphs: Any) -> Any:
    """Return the graph that TensorFlow Serving would take; raises ModelError."""
    tags = [set(one.meta_info_def.tags) for one in meta_graphs]
    for wanted in ([{_SERVE}], [one for one in tags if _SERVE in one]):
        for one in wanted:
            if one in tags:
                return meta_graphs[tags.index(one)]
    if len(meta_graphs) == 1:
        return meta_graphs[0]
    told = "; ".join(", ".join(sorted(one)) or "none" for one in tags) or "no graph at all"
    raise ModelError(f"{GRAPH} has no graph with the tag {_SERVE!r}, but: {told}")


def _assets(meta_graph: Any) -> dict[str, str]:
    infos = list(meta_graph.asset_file_def)
    if not infos:
        for packed in meta_graph.collection_def["saved_model_assets"].any_list.value:
            info = meta_graph_pb2.AssetFileDef()
            # An Any of another message leaves it as it is: without a tensor.
            packed.Unpack(info)
            infos.append(info)
    return {info.tensor_info.name: info.filename for info in infos if info.tensor_info.name}


def _init(meta_graph: Any) -> str | None:
    told = meta_graph.signature_def
    if _INIT in told and _INIT in told[_INIT].outputs:
        return node_of(told[_INIT].outputs[_INIT].name)
    for collection in _INIT_COLLECTIONS:
        if collection in meta_graph.collection_def:
            names = meta_graph.collection_def[collection].node_list.value
            if names:
                return node_of(names[0])
    return None

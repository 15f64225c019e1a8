"""Which classes of layers, and which functions, a file may name; what else is there is refused.

A file names classes by text; Keras looks them up in itself, and some of them read files or hold
code. So only what a picture may go through is let pass.
"""

from __future__ import annotations

from collections.abc import Iterator
from typing import Any

from app.kinds.image_classifier.arrays import UnfitError
from app.kinds.image_classifier.words import words

MODELS = frozenset({"Functional", "Model", "Sequential"})

#: Layers that do nothing when a model predicts.
TRAINING_ONLY = words(
    """
    ActivityRegularization AlphaDropout Dropout FixedDropout GaussianDropout GaussianNoise
    RandomBrightness RandomContrast RandomFlip RandomHeight RandomRotation RandomTranslation
    RandomWidth RandomZoom StochasticDepth SpatialDropout1D SpatialDropout2D SpatialDropout3D
    """
)

LAYERS = words(
    """
    Activation Add AdditiveAttention Attention AutoContrast Average AveragePooling1D
    AveragePooling2D AveragePooling3D BatchNormalization Bidirectional CenterCrop Concatenate
    Conv1D Conv1DTranspose Conv2D Conv2DTranspose Conv3D Conv3DTranspose ConvLSTM1D ConvLSTM2D
    ConvLSTM3D Cropping1D Cropping2D Cropping3D Dense DepthwiseConv1D DepthwiseConv2D Dot ELU
    EinsumDense Embedding Flatten GRU GRUCell GlobalAveragePooling1D GlobalAveragePooling2D
    GlobalAveragePooling3D GlobalMaxPooling1D GlobalMaxPooling2D GlobalMaxPooling3D
    GroupNormalization GroupQueryAttention Identity InputLayer LSTM LSTMCell LayerNormalization
    LeakyReLU Masking MaxPooling1D MaxPooling2D MaxPooling3D Maximum Minimum MultiHeadAttention
    Multiply Normalization PReLU Permute RMSNormalization RNN RandAugment
    RandomColorDegeneration RandomColorJitter RandomCrop RandomErasing RandomGaussianBlur
    RandomGrayscale RandomHue RandomInvert RandomPerspective RandomPosterization
    RandomSaturation RandomSharpness RandomShear ReLU RepeatVector Rescaling Reshape Resizing
    SeparableConv1D SeparableConv2D SimpleRNN SimpleRNNCell Softmax Solarization
    SpectralNormalization StackedRNNCells Subtract TimeDistributed UnitNormalization
    UpSampling1D UpSampling2D UpSampling3D ZeroPadding1D ZeroPadding2D ZeroPadding3D
    """
)

#: Layers of older versions that are rewritten to those above, or served by `older_layers`.
OLDER = words(
    """
    AtrousConv2D AtrousConvolution2D BatchNormalizationV1 BatchNormalizationV2 Convolution2D
    Custom>CustomScaleLayer CustomScaleLayer Divide LayerScale TrueDivide
    Convolution2DTranspose LayerNormalizationV1 LayerNormalizationV2 Merge
    SeparableConvolution2D SlicingOpLambda SyncBatchNormalization TFOpLambda TensorFlowOpLayer
    ThresholdedReLU
    """
)

ACTIVATIONS = words(
    """
    celu elu exponential gelu glu hard_shrink hard_sigmoid hard_silu hard_swish hard_tanh
    leaky_relu linear log_sigmoid log_softmax mish relu relu6 selu sigmoid silu soft_shrink
    softmax softplus softsign sparse_plus sparsemax squareplus swish tanh tanh_shrink threshold
    """
)

_CODE = {
    "Lambda": "is code in the file",
    "__lambda__": "is code in the file",
    "TFSMLayer": "runs a SavedModel that lies elsewhere",
    "TorchModuleWrapper": "runs a pickle of PyTorch",
    "JaxLayer": "is code of JAX in the file",
    "FlaxLayer": "is code of Flax in the file",
    "KerasLayer": "is brought from TensorFlow Hub, and is not in the file",
}
#: Of these a trusted file may bring its own.
_ALLOWED_WITH_CODE = frozenset({"Lambda", "__lambda__"})
_TEXT = words(
    """
    CategoryEncoding Discretization HashedCrossing Hashing IntegerLookup StringLookup
    TextVectorization
    """
)
# Keras' own plain values, policies and the like; they hold numbers and names.
_VALUES = words(
    """
    __bytes__ __ellipsis__ __keras_tensor__ __numpy__ __slice__ __tensor__ __tuple__ DTypePolicy
    FloatDTypePolicy Policy TensorShape
    """
)
# Where Keras 3 has the functions that compute; those that call others are not among them.
_OPERATIONS = ("keras.src.ops.image", "keras.src.ops.nn", "keras.src.ops.numpy")
# `tf_keras` is what Keras 2 is called today.
_PACKAGES = ("keras", "tf_keras")
# The largest of keras.applications has 1,300.
_MOST_LAYERS = 10_000
_OWN_KEYS = ("_initializer", "_regularizer", "_constraint")


def check_classes(config: dict[str, Any], *, allow_code: bool = False) -> None:
    """Raise UnfitError for the first class or function that no picture should go through."""
    count = 0
    for entry, name in _entries(config, "the model"):
        kind = entry["class_name"]
        count += kind != "__keras_tensor__"
        if count > _MOST_LAYERS:
            raise UnfitError("it has more layers than any network")
        if kind in _CODE and not (allow_code and kind in _ALLOWED_WITH_CODE):
            raise UnfitError(_code(kind, name))
        if kind in _TEXT:
            raise UnfitError(f"layer {name} is a {kind}, which takes text, not pictures")
        if kind == "function":
            _check_function(entry, name, allow_code=allow_code)
        elif not _is_known(entry, kind) and kind not in _ALLOWED_WITH_CODE:
            raise UnfitError(
                f"layer {name} is of the class {kind}, which is none of Keras' own: its code is "
                f"not in the file; save the model with Keras' layers alone"
            )


def check_activation(name: str, layer: str) -> None:
    """Raise UnfitError for an activation that Keras does not have."""
    if name in ("<lambda>", "lambda"):
        raise UnfitError(f"layer {layer}: its activation is a lambda, code that is not in the file")
    if name not in ACTIVATIONS:
        raise UnfitError(f"layer {layer}: its activation {name!r} is none of Keras' own")


def _code(kind: str, name: str) -> str:
    line = f"layer {name} is a {kind.strip('_').capitalize() if '_' in kind else kind}"
    line += f", which {_CODE[kind]}"
    if kind in _ALLOWED_WITH_CODE:
        line += "; where you trust its author, allow_code: true in model.yaml runs it"
    return line


def _is_known(entry: dict[str, Any], kind: str) -> bool:
    module = str(entry.get("module") or "keras")
    if module in _OPERATIONS or (module == "keras.src.ops.core" and kind == "Cast"):
        return True
    if module.partition(".")[0] not in _PACKAGES:
        return False
    known = kind in LAYERS or kind in OLDER or kind in TRAINING_ONLY or kind in MODELS
    return known or kind in _VALUES or _is_functional(entry)


def _is_functional(entry: dict[str, Any]) -> bool:
    """Say whether it is a model put together of layers, under a name of its author's."""
    config = entry.get("config")
    return isinstance(config, dict) and "layers" in config and "input_layers" in config


def _check_function(entry: dict[str, Any], name: str, *, allow_code: bool) -> None:
    function = entry.get("config")
    if function not in ACTIVATIONS and not allow_code:
        raise UnfitError(f"layer {name} calls {function!r}, which is no activation of Keras' own")


def _entries(value: Any, name: str) -> Iterator[tuple[dict[str, Any], str]]:
    """Yield every (class with its configuration, name of its layer); training's are left out."""
    if isinstance(value, list):
        for one in value:
            yield from _entries(one, name)
    elif isinstance(value, dict):
        config = value.get("config")
        if isinstance(value.get("class_name"), str):
            own = value.get("name") or (config.get("name") if isinstance(config, dict) else None)
            name = own if isinstance(own, str) else name
            yield value, name
        for key, inner in value.items():
            if not key.endswith(_OWN_KEYS) and key not in ("compile_config", "build_config"):
                yield from _entries(inner, name)

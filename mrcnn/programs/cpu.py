"""What this machine's processor can do, where that decides which form of a network runs on it.

`ONEDNN_MAX_CPU_ISA` holds OpenVINO's layers to an older set of instructions, and counts here too.
"""

from __future__ import annotations

import os
import platform
from pathlib import Path

_FACTS = Path("/proc/cpuinfo")
# With these sums of products of eight bits are kept in 32. Without, pairs of them are kept in 16,
# which overflows where both are large.
_DOT_PRODUCTS = frozenset({"avx512_vnni", "avx_vnni", "amx_int8", "asimddp"})
_BFLOAT16 = frozenset({"avx512_bf16", "amx_bf16"})
# oneDNN's names of sets that lack the one, or the other.
_WITHOUT_DOT_PRODUCTS = frozenset({"SSE41", "AVX", "AVX2", "AVX512_CORE"})
_WITHOUT_BFLOAT16 = _WITHOUT_DOT_PRODUCTS | {"AVX2_VNNI", "AVX2_VNNI_2", "AVX512_CORE_VNNI"}


def adds_eight_bits_exactly() -> bool:
    """Say whether products of eight bits are added up without overflow: VNNI, AMX, ARM's SDOT."""
    return _limit() not in _WITHOUT_DOT_PRODUCTS and bool(_DOT_PRODUCTS & _features())


def has_bfloat16() -> bool:
    """Say whether layers in bfloat16 are faster than in float32; OpenVINO has them on x86 alone."""
    return _limit() not in _WITHOUT_BFLOAT16 and bool(_BFLOAT16 & _features())


def _limit() -> str:
    # oneDNN reads the first where both are there.
    names = "ONEDNN_MAX_CPU_ISA", "DNNL_MAX_CPU_ISA"
    return next((os.environ[name] for name in names if os.environ.get(name)), "").upper()


def _features() -> frozenset[str]:
    """Return what Linux calls flags on x86, and features on ARM; nothing where it tells nothing."""
    head = "flags" if platform.machine() in ("x86_64", "AMD64") else "Features"
    try:
        with _FACTS.open() as lines:
            told = (line.partition(":")[2] for line in lines if line.startswith(head))
            return frozenset(next(told, "").split())
    except OSError:
        return frozenset()

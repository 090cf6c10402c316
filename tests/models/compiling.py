"""Compiles the kernels of blocks.py for CUDA devices that need not be there: python -m tests.models.compiling."""

from __future__ import annotations

import sys

import triton
from triton.backends.compiler import GPUTarget
from triton.compiler import ASTSource

from probe.models import blocks, cuda

CAPABILITIES = (80, 90)  # Ampere, Hopper
_NUMBERS = {"vocabulary": "i32", "rows": "i32", "span": "i32", "stride": "i32"}
_TENSORS = {"targets": "*i64", "out": "*fp32", "largest": "*fp32", "limits": "*fp32"}


def compiled(kernel: str, dtype: str, capability: int, warps: int, **constants: int | bool) -> int:
    """Returns the bytes of its code."""
    function = getattr(blocks, kernel)
    kinds = dict.fromkeys(constants, "constexpr") | _NUMBERS | _TENSORS
    signature = {name: kinds.get(name, f"*{dtype}") for name in function.arg_names}
    source = ASTSource(fn=function, signature=signature, constexprs=constants)
    found = triton.compile(source, target=GPUTarget("cuda", capability, 32), options={"num_warps": warps})
    return len(found.asm["cubin"])


def main() -> None:
    sizes = []
    for capability in CAPABILITIES:
        for dtype in ("bf16", "fp32"):
            for keeps in (False, True):
                sizes.append(compiled("of_logits", dtype, capability, cuda.WARPS, tile=cuda.TILE, keeps=keeps))
        block = {"block": cuda.ROWS, "tile": cuda.COLUMNS, "depth": cuda.DEPTH}
        for width, biased in ((2048, False), (100, True)):
            how = {**block, "width": width, "biased": biased, "wide": False}
            sizes.append(compiled("of_head", "bf16", capability, cuda.HEAD_WARPS, **how))
    sys.stdout.write("\n".join(map(str, sizes)))


if __name__ == "__main__":
    main()

"""kernel.c, compiled where a compiler is at hand: a tile of logits reduced in one pass, and GELU in one.

A second of compilation, once per machine: the library is kept in the user's cache folder, under the hash of source,
flags, compiler and processor. Everything has a torch form beside it, used where this one cannot be had (no compiler,
another system, MEMPROBE_KERNEL=off) or does not agree with it. Threads are torch's own: a second OpenMP runtime would
fight with it for the cores.
"""

from __future__ import annotations

import ctypes
import logging
import os
import shutil
import subprocess
import tempfile
from functools import cache
from hashlib import sha256
from pathlib import Path

import torch
from torch import Tensor

from probe.data.private import make_folder

_SOURCE = Path(__file__).with_name("kernel.c")
_FLAGS = ("-O3", "-march=native", "-fno-math-errno", "-fno-trapping-math", "-fopenmp", "-fPIC")
_P, _I = ctypes.c_void_p, ctypes.c_int64
_TRIM, _MAP = -1, -3  # glibc's M_TRIM_THRESHOLD and M_MMAP_THRESHOLD
_SECONDS = 60


class Kernel:
    """The compiled functions. All tensors are contiguous float32 on the CPU."""

    def __init__(self, library: ctypes.CDLL) -> None:
        library.fold.argtypes = [_P, _I, _I, _P, _P, _P, ctypes.c_int]
        library.gelu.argtypes = [_P, _P, _I, ctypes.c_int]
        library.fold.restype = library.gelu.restype = None
        self._fold, self._gelu = library.fold, library.gelu

    def fold(self, tile: Tensor, own: Tensor, place: Tensor, state: Tensor) -> None:
        """Adds tile [rows, columns] to state [rows, 5]; own float32 and place int64 [rows]. Raises TypeError."""
        _require(torch.float32, tile=tile, own=own, state=state)
        _require(torch.int64, place=place)
        if not len(tile) == len(own) == len(place) == len(state) or state.shape[1] != 5:
            raise TypeError("the kernel takes as many rows of each")
        sizes = (*tile.shape, own.data_ptr(), place.data_ptr(), state.data_ptr(), torch.get_num_threads())
        self._fold(tile.data_ptr(), *sizes)

    def gelu(self, x: Tensor) -> Tensor:
        """Returns GELU in its tanh form. Raises TypeError."""
        _require(torch.float32, x=x)
        y = torch.empty_like(x)
        self._gelu(x.data_ptr(), y.data_ptr(), x.numel(), torch.get_num_threads())
        return y


def _require(dtype: torch.dtype, **tensors: Tensor) -> None:
    """Raises TypeError: C would read whatever lies there."""
    for name, tensor in tensors.items():
        if tensor.dtype != dtype or tensor.device.type != "cpu" or not tensor.is_contiguous():
            raise TypeError(f"the kernel takes {name} contiguous, {dtype} and on the CPU, not {tensor.dtype}")


@cache
def kernel() -> Kernel | None:
    """Returns the compiled kernel, or None."""
    if os.environ.get("MEMPROBE_KERNEL") == "off":
        return None
    try:
        _share_threads()
        return Kernel(ctypes.CDLL(str(_library())))
    except (OSError, subprocess.SubprocessError) as error:
        logging.getLogger(__name__).info("The compiled kernel is not used, torch's form is: %s", error)
        return None


@cache
def keep_memory() -> None:
    """Lets the allocator keep freed blocks of up to 32 MiB, 256 MiB in all: to map and clear them again costs 4%."""
    try:
        for option, size in ((_TRIM, 1 << 28), (_MAP, 1 << 25)):
            ctypes.CDLL(None).mallopt(option, size)
    except (AttributeError, OSError, TypeError):  # not glibc
        return


def _share_threads() -> None:
    """Lends the symbols of the OpenMP runtime that torch loaded to the libraries that come after it."""
    lines = Path("/proc/self/maps").read_text().splitlines()
    names = {line.split(maxsplit=5)[-1] for line in lines if "gomp" in line or "iomp5" in line}
    if not names:
        raise OSError("torch runs without OpenMP here")
    for name in sorted(names):
        ctypes.CDLL(name, mode=ctypes.RTLD_GLOBAL)


def _library() -> Path:
    """Returns the compiled file, compiling it where there is none yet. Raises OSError, SubprocessError."""
    compiler = shutil.which("cc") or shutil.which("gcc")
    if compiler is None:
        raise OSError("there is no C compiler")
    version = _run(compiler, "--version")
    flags = [line for line in Path("/proc/cpuinfo").read_text().splitlines() if line.startswith("flags")][:1]
    digest = sha256(b"\n".join([_SOURCE.read_bytes(), version, repr((_FLAGS, flags)).encode()])).hexdigest()[:16]
    folder = Path(os.environ.get("XDG_CACHE_HOME") or Path.home() / ".cache") / "memprobe"
    found = folder / f"kernel-{digest}.so"
    if not found.is_file():
        make_folder(folder)
        _compile(compiler, found)
    for path in (folder, found):  # it is run here: nobody else may have put it there
        if path.stat().st_uid not in (os.geteuid(), 0) or path.stat().st_mode & 0o002:
            raise OSError(f"others may write to {path}")
    return found


def _compile(compiler: str, target: Path) -> None:
    """Compiles beside the target and renames, so that several processes may do so at once."""
    with tempfile.TemporaryDirectory(dir=target.parent) as folder:
        parts, whole = f"{folder}/kernel.o", f"{folder}/kernel.so"
        # linked in a step of its own, without -fopenmp, which would bring a runtime of its own
        for step in ([*_FLAGS, "-c", str(_SOURCE), "-o", parts], ["-shared", parts, "-o", whole]):
            _run(compiler, *step)
        Path(whole).chmod(0o700)
        Path(whole).rename(target)


def _run(*command: str) -> bytes:
    return subprocess.run(command, capture_output=True, check=True, timeout=_SECONDS).stdout  # noqa: S603 - words of our own

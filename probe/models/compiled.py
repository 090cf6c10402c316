"""C files beside this one, compiled where a compiler is at hand.

It takes a second or two, once per machine: libraries are kept in the user's cache folder, under the hash of source,
flags, compiler and processor. Threads are torch's own: a second OpenMP runtime would fight with it for the cores.
"""

from __future__ import annotations

import ctypes
import logging
import os
import shutil
import subprocess
import tempfile
from hashlib import sha256
from pathlib import Path

from probe.data.private import make_folder
from probe.models.processor import doubles, narrows

_FLAGS = ("-O3", "-march=native", "-fno-math-errno", "-fno-trapping-math", "-fopenmp", "-fPIC")
_SECONDS = 60


def compiled(name: str) -> ctypes.CDLL | None:
    """Returns the library of NAME.c, None where it is not to be had (no compiler, MEMPROBE_KERNEL=off)."""
    if os.environ.get("MEMPROBE_KERNEL") == "off":
        return None
    try:
        _share_threads()
        return ctypes.CDLL(str(_library(Path(__file__).with_name(f"{name}.c"))))
    except (OSError, subprocess.SubprocessError) as error:
        logging.getLogger(__name__).info("The compiled %s is not used, torch's form is: %s", name, error)
        return None


def on_units(name: str) -> ctypes.CDLL | None:
    """Returns the same of a file that is written for matrix units, where the processor has them and the system lets us,
    or vectors that stand in for them (vectors.h).
    """
    library = compiled(name) if narrows() else None
    if library and library.by_vectors() and not doubles():  # the compiler is older than the processor
        return None
    return library if library and library.allowed() else None


def _share_threads() -> None:
    """Lends the symbols of the OpenMP runtime that torch loaded to the libraries that come after it."""
    lines = Path("/proc/self/maps").read_text().splitlines()
    names = {line.split(maxsplit=5)[-1] for line in lines if "gomp" in line or "iomp5" in line}
    if not names:
        raise OSError("torch runs without OpenMP here")
    for name in sorted(names):
        ctypes.CDLL(name, mode=ctypes.RTLD_GLOBAL)


def _library(source: Path) -> Path:
    """Returns the compiled file, compiling it where there is none yet. Raises OSError, SubprocessError."""
    compiler = shutil.which("cc") or shutil.which("gcc")
    if compiler is None:
        raise OSError("there is no C compiler")
    version = _run(compiler, "--version")
    flags = [line for line in Path("/proc/cpuinfo").read_text().splitlines() if line.startswith("flags")][:1]
    sources = [path.read_bytes() for path in (source, *sorted(source.parent.glob("*.h")))]
    digest = sha256(b"\n".join([*sources, version, repr((_FLAGS, flags)).encode()])).hexdigest()[:16]
    folder = Path(os.environ.get("XDG_CACHE_HOME") or Path.home() / ".cache") / "memprobe"
    found = folder / f"{source.stem}-{digest}.so"
    if not found.is_file():
        make_folder(folder)
        _compile(compiler, source, found)
    for path in (folder, found):  # it is run here: nobody else may have put it there
        if path.stat().st_uid not in (os.geteuid(), 0) or path.stat().st_mode & 0o002:
            raise OSError(f"others may write to {path}")
    return found


def _compile(compiler: str, source: Path, target: Path) -> None:
    """Compiles beside the target and renames, so that several processes may do so at once."""
    with tempfile.TemporaryDirectory(dir=target.parent) as folder:
        parts, whole = f"{folder}/kernel.o", f"{folder}/kernel.so"
        # linked in a step of its own, without -fopenmp, which would bring a runtime of its own
        for step in ([*_FLAGS, "-c", str(source), "-o", parts], ["-shared", parts, "-o", whole]):
            _run(compiler, *step)
        Path(whole).chmod(0o700)
        Path(whole).rename(target)


def _run(*command: str) -> bytes:
    return subprocess.run(command, capture_output=True, check=True, timeout=_SECONDS).stdout  # noqa: S603 - words of our own

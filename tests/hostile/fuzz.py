"""Many inputs to one target, in a process of its own, which a crash or a hang ends and nobody else.

python -m tests.hostile.fuzz TARGET INPUTS SEED FOLDER: the input that is being read lies in FOLDER / input; findings
are written to stdout as JSON lines, and how many inputs were run.
"""

from __future__ import annotations

import base64
import faulthandler
import json
import resource
import signal
import subprocess
import sys
import traceback
from dataclasses import dataclass
from pathlib import Path
from types import FrameType
from typing import Any

from hypothesis import HealthCheck, Phase, given, settings
from hypothesis import seed as seeded

from tests.hostile.spoken import TARGETS

SECONDS = 5.0  # of the processor's time for one input, which a busy machine does not lengthen
_STUCK = 60  # seconds behind which code that no signal reaches is given up
_MEMORY = 6 << 30  # bytes of the process


class Hang(BaseException):
    """One input takes too long."""


@dataclass(frozen=True)
class Fuzzed:
    """ran: inputs. findings: what went wrong, with the input in base64."""

    target: str
    ran: int
    findings: list[str]


def fuzz(target: str, inputs: int, seed: int, folder: Path, patience: float = 3600) -> Fuzzed:
    """Runs a target in a process; whatever ends that is a finding, too."""
    folder.mkdir(parents=True, exist_ok=True)
    command = [sys.executable, "-m", "tests.hostile.fuzz", target, str(inputs), str(seed), str(folder)]
    try:
        done = subprocess.run(command, capture_output=True, text=True, check=False, timeout=patience)
    except subprocess.TimeoutExpired:
        return Fuzzed(target, 0, [f"it does not end within {patience:g} s"])
    told = [json.loads(line) for line in done.stdout.splitlines() if line.startswith("{")]
    findings = [one["finding"] for one in told if "finding" in one]
    ran = sum(one.get("ran", 0) for one in told)
    if done.returncode:
        last = (folder / "input").read_bytes() if (folder / "input").is_file() else b""
        findings.append(f"the process ended with {done.returncode} over {last.decode()}: {done.stderr[-1500:]}")
    return Fuzzed(target, ran, findings)


def _hang(number: int, frame: FrameType | None) -> None:
    raise Hang


def _kept(value: Any) -> str:
    """Returns an input as text: names and texts as they are, bytes in base64."""
    parts = value if isinstance(value, tuple) else (value,)
    plain = [base64.b64encode(part).decode() if isinstance(part, bytes) else ascii(part) for part in parts]
    return " ".join(plain)


def _where(error: BaseException) -> str:
    error.__notes__ = []  # hypothesis tells the whole input there
    return "".join(traceback.format_exception(error, limit=-6, chain=False))


def _tell(**found: Any) -> None:
    sys.stdout.write(json.dumps(found) + "\n")
    sys.stdout.flush()


def main(name: str, inputs: int, seed: int, folder: Path) -> None:
    target, ran = TARGETS[name], 0
    resource.setrlimit(resource.RLIMIT_AS, (_MEMORY, _MEMORY))
    signal.signal(signal.SIGPROF, _hang)
    with target.opened(folder) as run:

        def once(value: Any) -> None:
            nonlocal ran
            ran += 1
            (folder / "input").write_text(_kept(value))
            faulthandler.dump_traceback_later(_STUCK, exit=True)
            signal.setitimer(signal.ITIMER_PROF, SECONDS)
            try:
                run(value)
            except Hang as error:
                raise TimeoutError(f"more than {SECONDS:g} s") from error
            finally:
                signal.setitimer(signal.ITIMER_PROF, 0)
                faulthandler.cancel_dump_traceback_later()

        test = settings(
            max_examples=inputs, deadline=None, database=None, phases=(Phase.generate, Phase.shrink),
            suppress_health_check=list(HealthCheck), print_blob=False,
        )(given(target.inputs)(once))  # fmt: skip
        while ran < inputs:  # it ends early where it has found something, or has seen all that it can think of
            begun = ran
            try:
                seeded(seed)(test)()
            except BaseException as error:  # whatever a reader raises
                _tell(finding=f"{name}: {(folder / 'input').read_text()[:4000]}\n{_where(error)}")
                break
            seed += 1
            if ran == begun:
                break
    _tell(ran=ran)


if __name__ == "__main__":
    main(sys.argv[1], int(sys.argv[2]), int(sys.argv[3]), Path(sys.argv[4]))

"""A set's verdict in files: collection.json, report.html. They hold no text; the material is named by its hashes."""

from __future__ import annotations

import json
import shlex
from collections.abc import Iterable, Mapping
from dataclasses import asdict, dataclass
from pathlib import Path
from typing import Any

from probe.audit.objections import objections
from probe.audit.report import page, stamped
from probe.calibration.fingerprint import Fingerprint
from probe.collections.collection import SetResult
from probe.collections.decide import Options
from probe.collections.show import collection_dict, figures
from probe.documents.document import digest


@dataclass(frozen=True, slots=True)
class Material:
    """files: hashes by path, by side. calibration, placebo: their names, "" without one."""

    files: Mapping[str, Mapping[str, str]]
    fingerprint: Fingerprint
    calibration: str = ""
    placebo: str = ""


def hashed(paths: Iterable[Path]) -> dict[str, str]:
    """Returns the hashes of files by path."""
    return {str(path): digest(path.read_bytes()) for path in paths}


def write(result: SetResult, options: Options, material: Material, folder: Path) -> list[Path]:
    """Writes both files into a folder, in the place of earlier ones."""
    folder.mkdir(parents=True, exist_ok=True)
    told = as_dict(result, options, material)
    (folder / "collection.json").write_text(json.dumps(told, indent=1) + "\n")
    (folder / "report.html").write_text(html(result, options, material), encoding="utf-8")
    return [folder / "collection.json", folder / "report.html"]


def as_dict(result: SetResult, options: Options, material: Material) -> dict[str, Any]:
    return collection_dict(result) | {
        "alpha": options.alpha, "seed": options.seed, "calibration": material.calibration or None,
        "placebo": material.placebo or None, "repeat": repeat(options, material), "files": dict(material.files),
        "fingerprint": asdict(material.fingerprint),
    }  # fmt: skip


def html(result: SetResult, options: Options, material: Material) -> str:
    return page(
        "probe.collections", verdict=result.verdict, figures=figures(result), notes=result.notes, alpha=options.alpha,
        objections=objections(), repeat=repeat(options, material), files=material.files, pictures=[],
        provenance=stamped(
            material.fingerprint, calibration=material.calibration or "none", placebo=material.placebo or "none",
            seed=str(options.seed),
        ),
    )  # fmt: skip


def repeat(options: Options, material: Material) -> str:
    """Returns the command that does it again, but for where files and models are: their hashes tell which are meant."""
    said = ["memprobe collection SUSPECT --controls CONTROLS"]
    said += ["--members MEMBERS"] if material.files.get("known members") else []
    said += ["--target TARGET", *(["--reference REFERENCE"] if material.fingerprint.reference else [])]
    said += [f"--calibration {shlex.quote(material.calibration)}"] if material.calibration else []
    said += ["--placebo PLACEBO"] if material.placebo else []
    said += [f"--by {options.by} --alpha {options.alpha:g} --seed {options.seed}"]
    said += [f"--score {options.score}"] if options.score else []
    said += ["--random-split"] if options.random_split else []
    said += [f"--earlier {options.earlier:g}"] if options.earlier is not None else []
    return " ".join(said)

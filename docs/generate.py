"""Writes what the documentation takes from the code: python -m docs.generate."""

from __future__ import annotations

import inspect
import sys
from pathlib import Path

from probe.scores.table import BUILT_IN

HEAD = """# Scores

Higher means a likelier member. Formulas are those of the files' own docstrings.

`passes` counts the texts that the target reads for the score, the text itself among them; scores of more than two are
computed where they are named.

| id | needs | passes | source |
|---|---|---|---|
"""


def scores() -> str:
    """Returns docs/scores.md."""
    rows = [f"| `{method.id}` | {', '.join(method.needs)} | {method.passes} | {method.paper} |" for method in BUILT_IN]
    modules = dict.fromkeys(inspect.getmodule(method.function) for method in BUILT_IN)
    formulas = [f"## {module.__name__.split('.')[-1]}\n{inspect.getdoc(module)}" for module in modules if module]
    return HEAD + "\n".join(rows) + "\n\n" + "\n\n".join(formulas) + "\n"


def main() -> None:
    """Writes the file, or with --check exits with 1 where it is out of date."""
    path = Path(__file__).parent / "scores.md"
    if "--check" in sys.argv:
        sys.exit(path.read_text() != scores())
    path.write_text(scores())


if __name__ == "__main__":
    main()

"""Whose calibrations are seen: an owner's own, and those that the operator made for all."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path

from probe.calibration import store
from probe.calibration.calibration import Calibration
from probe.errors import CalibrationError, InputError, UnknownName


class Shelf:
    """folder: of all, which is the operator's; an owner's own lie in a folder of theirs below it, whatever their name.
    What is made has none of the names of all; one that was made for all later may have the name of one's own, which
    then goes before it. owner: None for the operator, who needs no key.
    """

    def __init__(self, folder: Path, owner: str | None = None) -> None:
        self._all = folder
        self.own = folder if owner is None else folder / "of" / owner

    def names(self) -> list[str]:
        """Returns the names at hand, the embedded ones first."""
        return list(dict.fromkeys([*store.names(self._all), *store.names(self.own)]))

    def owns(self, name: str) -> bool:
        """Returns whether the one of this name is one's own."""
        return (self.own / f"{name}.npz").is_file()

    def hides(self, name: str) -> bool:
        """Returns whether one's own goes before one of all."""
        return self.own != self._all and self.owns(name) and name in store.names(self._all)

    def find(self, name: str) -> Calibration:
        """Raises UnknownName."""
        return store.find(name, self._folder(name))

    def each(self) -> Iterator[Calibration | CalibrationError]:
        """Yields every calibration at hand, or the error of a file that is none."""
        for name in self.names():
            try:
                yield self.find(name)
            except CalibrationError as error:
                yield error

    def dump(self, name: str) -> bytes:
        """Returns the file of a calibration. Raises UnknownName."""
        return store.dump(name, self._folder(name))

    def save(self, calibration: Calibration) -> None:
        store.save(calibration, self.own)

    def adopt(self, content: bytes, name: str) -> Calibration:
        """Raises InputError for what is no calibration's file."""
        return store.adopt(content, name, self.own)

    def delete(self, name: str) -> None:
        """Raises UnknownName; InputError for one that is not one's own."""
        if self._folder(name) != self.own and name not in store.EMBEDDED:
            raise InputError(f"{name} was made by the operator for all, who alone deletes it.", "calibration")
        store.delete(name, self.own)

    def _folder(self, name: str) -> Path:
        """Returns the folder that holds it, one's own first. Raises UnknownName."""
        store.check_name(name)
        if name not in (there := self.names()):
            raise UnknownName(f"No calibration named {name}. There are: {', '.join(there)}.", "calibration")
        return self.own if self.owns(name) else self._all

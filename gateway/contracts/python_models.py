"""Models in Python: one function from Arrow readers to a reader, run in the build's process. Code that is trusted.

It runs with the rights of the account that publishes: whoever may write the product's folder may do what that may.
What it raises may quote values: the build's log has it, a finding has the line.
"""

from __future__ import annotations

import logging
import traceback
from collections.abc import Callable, Iterator, Mapping

import pyarrow as pa

FUNCTION = "model"
_log = logging.getLogger("outport.publish")


class ModelError(Exception):
    """A model that cannot be run; the message names the line, and no value. `line` is 0 where it is not known."""

    def __init__(self, message: str, line: int = 0) -> None:
        super().__init__(message)
        self.line = line


class Inputs(Mapping[str, pa.RecordBatchReader]):
    """The readers of a model's inputs by `input.table`, each opened when it is asked for."""

    def __init__(self, names: tuple[str, ...], read: Callable[[str], pa.RecordBatchReader]) -> None:
        self._names, self._read = names, read

    def __getitem__(self, name: str) -> pa.RecordBatchReader:
        if name not in self._names:
            raise KeyError(name)
        return self._read(name)

    def __iter__(self) -> Iterator[str]:
        return iter(self._names)

    def __len__(self) -> int:
        return len(self._names)


def checked(text: str, file: str) -> None:
    """Look whether `text` is Python that defines the function; runs nothing. Raises ModelError."""
    try:
        code = compile(text, file, "exec")
    except (SyntaxError, ValueError) as error:
        raise ModelError("this is no Python", getattr(error, "lineno", None) or 0) from error
    if FUNCTION not in code.co_names:
        raise ModelError(f"it defines no function {FUNCTION}(inputs)")


def batches(text: str, file: str, inputs: Inputs) -> Iterator[pa.RecordBatch | pa.Schema]:
    """The schema of what the model gives, then its batches. Raises ModelError, and what reading its inputs raises."""
    namespace: dict[str, object] = {"__name__": FUNCTION, "__file__": file}
    try:
        exec(compile(text, file, "exec"), namespace)  # noqa: S102  the product's own code, as a file of it says
        function = namespace.get(FUNCTION)
        if not callable(function):
            raise ModelError(f"it defines no function {FUNCTION}(inputs)")
        found = function(inputs)
        if not isinstance(found, pa.RecordBatchReader):
            raise ModelError(f"{FUNCTION} gives no pyarrow.RecordBatchReader")
        yield found.schema
        yield from found
    except ModelError:
        raise
    except Exception as error:
        _log.exception("%s", file)
        lines = [one.lineno or 0 for one in traceback.extract_tb(error.__traceback__) if one.filename == file]
        raise ModelError(f"it ended with {type(error).__name__}", lines[-1] if lines else 0) from error

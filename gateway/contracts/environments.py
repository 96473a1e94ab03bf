"""Variables of an environment in a product's descriptors and models: `${name}`, filled as the folder is read.

Reads products/NAME/environments/ENVIRONMENT.yaml, a mapping of names to plain values, over those of the product's
workspace. A value fills a place once and is looked at no further; in SQL it is a literal. `${secret:NAME}` is a
reference, which stays one wherever it stands.
"""

from __future__ import annotations

import difflib
import re
from collections.abc import Callable, Mapping
from datetime import datetime
from pathlib import Path as FilePath
from typing import Any

from gateway import document
from gateway.contracts import workspaces
from gateway.contracts.columns import IDENTIFIER
from gateway.contracts.descriptor import MODELS
from gateway.document import DocumentError, Documents, Path, Report
from gateway.errors import BadQuery
from gateway.sql import duck, tree

FOLDER = "environments"
Value = str | int | float | bool
# ODCS fills these in the SQL of a quality rule.
_OWN = "object|schema|table|model|property|column|field"
_PLACEHOLDER = re.compile(rf"\$?\{{({_OWN})\}}")
_REFERENCE = re.compile(rf"\$\{{(?!secret:|(?:{_OWN})\}})([^{{}}]*)\}}?")
_SQL = frozenset({"transformLogic", "query"})
_SELECT = re.compile(r"\s*(SELECT|WITH|FROM)\b", re.IGNORECASE)
# Arithmetic of measures, by their names.
_BARE = frozenset({"formula"})
_FILE_BYTES = 100_000


class _Wrong(Exception):
    """What keeps a place from being filled: the problem, and what would be right."""


def filled(
    folder: FilePath, environment: str | None, documents: Documents, models: dict[str, str], report: Report
) -> bool:
    """Fill every variable of `documents` and `models` in place, as `environment` has it; all findings are told.

    False where there was one.
    """
    before = len(report.findings)
    known = _variables(folder, environment, report)
    if known is not None:
        known = {**workspaces.variables(folder, environment, documents, report), **known}
        filler = _Filler(known, environment, report)
        for file, value in documents.items():
            documents[file] = filler.value(file, (), value, "")
        for name, text in models.items():
            models[name] = filler.told(f"{MODELS}/{name}.sql", (), text, filler.sql)
    return len(report.findings) == before


def _variables(folder: FilePath, environment: str | None, report: Report) -> Mapping[str, Value] | None:
    """The environment's variables, none where it has no file; None where the report says what is wrong with it."""
    name = f"{FOLDER}/{environment}.yaml"
    path = folder / name
    if environment is None or not path.is_file():
        return {}
    try:
        if path.stat().st_size > _FILE_BYTES:
            raise ValueError
        found, lines = document.read(name, path.read_text(encoding="utf-8"))
    except DocumentError as error:
        report.findings.append(error.finding)
        return None
    except (OSError, ValueError):
        report.error(name, (), "the file cannot be read", f"UTF-8 text of at most {_FILE_BYTES} bytes")
        return None
    before = len(report.findings)
    for key, value in found.items() if isinstance(found, dict) else [("", found)]:
        line = lines.get((key,), 1)
        if not IDENTIFIER.fullmatch(key) or _PLACEHOLDER.fullmatch(f"{{{key}}}"):
            report.error(name, (key,), f"{key or 'the file'} is no variable", "a mapping of names to values", line)
        elif not isinstance(value, str | int | float):
            report.error(name, (key,), f"{key} has no plain value", "text, a number, true or false", line)
        elif isinstance(value, str) and _REFERENCE.search(value):
            report.error(name, (key,), f"{key} refers to a variable", "a value that is one itself", line)
    return found if len(report.findings) == before else None


class _Filler:
    """Fills places and notes what cannot be filled."""

    def __init__(self, known: Mapping[str, Value], environment: str | None, report: Report) -> None:
        self._known, self._environment, self._report = known, environment, report

    def value(self, file: str, path: Path, given: Any, key: str) -> Any:
        """A part of a descriptor with its variables filled; `key` is what it stands under."""
        if isinstance(given, list):
            return [self.value(file, (*path, place), one, key) for place, one in enumerate(given)]
        if isinstance(given, dict):
            made = {name: self.value(file, (*path, name), one, name) for name, one in given.items()}
            if given.get("property") == "dataClock" and made.get("value") != given.get("value"):
                self._moment(file, (*path, "value"), made["value"])
            return made
        if not isinstance(given, str) or not _REFERENCE.search(given):
            return given
        if key in _BARE:
            self._report.error(file, path, f"a {key} takes no variable", "names of measures")
            return given
        return self.told(file, path, given, self.sql if key in _SQL else self._text)

    def told(self, file: str, path: Path, text: str, fill: Callable[[str], Any]) -> Any:
        """What `fill` makes of a text; the text itself where the report says why there is nothing."""
        try:
            return fill(text)
        except _Wrong as error:
            problem, remedy = error.args
            match = _REFERENCE.search(text)
            line = text.count("\n", 0, match.start()) + 1 if match is not None and not path else 0
            self._report.error(file, path, problem, remedy, line)
            return text

    def sql(self, text: str) -> str:
        """SQL with its variables as literals. Raises _Wrong where one stands within quotes or a comment."""
        names = _REFERENCE.findall(text)
        values = {name: self._of(name) for name in names}
        mark = "environment_"
        while mark in text:
            mark += "_"
        marked = _PLACEHOLDER.sub("placeholder", _REFERENCE.sub(lambda match: f"${mark}{match[1]}", text))
        try:
            statement = duck.parse(marked if _SELECT.match(text) or not names else f"SELECT {marked}")
        except BadQuery:
            if not names:
                return text  # told where it is compiled
            raise _Wrong("no value can stand where the variable does", "a place for a literal") from None
        seen = [node for node in tree.nodes(statement) if node.get("class") == "PARAMETER"]
        if len([node for node in seen if str(node["identifier"]).startswith(mark)]) != len(names):
            raise _Wrong("a variable stands within quotes or a comment of SQL", "the variable alone: it is a literal")
        return _REFERENCE.sub(lambda match: _literal(values[match[1]]), text)

    def _text(self, text: str) -> Value:
        whole = _REFERENCE.fullmatch(text)
        if whole is not None and text.endswith("}"):
            return self._of(whole[1])
        return _REFERENCE.sub(lambda match: _shown(self._of(match[1])), text)

    def _of(self, name: str) -> Value:
        if name in self._known:
            return self._known[name]
        if not IDENTIFIER.fullmatch(name):
            raise _Wrong(f"${{{name[:40]} is no variable", "${name}, in lower case letters, digits and _")
        if self._environment is None:
            raise _Wrong(f"{name} is a variable, and no environment is chosen", "--environment NAME")
        near = difflib.get_close_matches(name, self._known, 1)
        remedy = f"did you mean {near[0]}?" if near else f"{name}: ... in {FOLDER}/{self._environment}.yaml"
        raise _Wrong(f"the environment {self._environment} has no variable {name}", remedy)

    def _moment(self, file: str, path: Path, value: object) -> None:
        try:
            datetime.fromisoformat(str(value))
        except ValueError:
            self._report.error(file, path, "a data clock of a variable is no time", "such as 2018-01-01T00:00:00")


def _literal(value: Value) -> str:
    if isinstance(value, bool):
        return "true" if value else "false"
    return duck.literal(value) if isinstance(value, str) else f"({value!r})" if value < 0 else repr(value)


def _shown(value: Value) -> str:
    return str(value).lower() if isinstance(value, bool) else str(value)

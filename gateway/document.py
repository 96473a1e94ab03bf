"""YAML text to plain values that remember their lines: strict, bounded, offline. Touches no file and no engine.

Descriptors and policies are read with it. Every value is JSON-like (dates stay text); keys are text and unique; anchors
and merge keys work, up to a bounded expansion; explicit tags are refused.
"""

from __future__ import annotations

import math
from collections.abc import Iterable, Mapping
from dataclasses import dataclass, replace
from typing import Any, Literal

import yaml

Path = tuple[str | int, ...]
TEXT_LIMIT = 2_000_000
VALUE_LIMIT = 200_000
DEPTH_LIMIT = 40
_TAG = "tag:yaml.org,2002:"
# What is told of rules that do not fit to who does not run the deployment: they name others, and what these may see.
POLICIES = "the policies of this deployment do not fit what it would be: who runs it sees which rule"


@dataclass(frozen=True, slots=True)
class Finding:
    """One thing that is wrong (error) or doubtful (warning): where, what, and what would be right.

    `line` is 1-based, 0 where unknown; `path` reads like `schema[0].properties[2].name`, "" for the whole file.
    `policy` marks what is wrong with the deployment's rules: it is for who runs it.
    """

    file: str
    line: int
    path: str
    problem: str
    remedy: str
    severity: Literal["error", "warning"] = "error"
    policy: bool = False

    def __str__(self) -> str:
        place = ":".join(part for part in (self.file, str(self.line) if self.line else "", self.path) if part)
        remedy = f" ({self.remedy})" if self.remedy else ""
        return f"{place}: {self.severity}: {self.problem}{remedy}"


class DocumentError(Exception):
    """A text that is no acceptable YAML document: `finding` says where and why."""

    def __init__(self, finding: Finding) -> None:
        super().__init__(str(finding))
        self.finding = finding


class Documents(dict[str, Any]):
    """Parsed documents by file name; `lines` tells the line of each path in those that were read from text."""

    lines: dict[str, Mapping[Path, int]]

    def __init__(self, values: Mapping[str, Any], lines: Mapping[str, Mapping[Path, int]] | None = None) -> None:
        super().__init__(values)
        self.lines = dict(lines or {})

    def line(self, file: str, path: Path) -> int:
        """The line of `path`, or of its nearest known ancestor; 0 if the file has no positions."""
        known = self.lines.get(file, {})
        while path and path not in known:
            path = path[:-1]
        return known.get(path, 0)


class Report:
    """Collects the findings of one run, so that all of them are told at once."""

    def __init__(self, documents: Documents) -> None:
        self._documents = documents
        self.findings: list[Finding] = []

    def error(self, file: str, path: Path, problem: str, remedy: str, line: int = 0) -> None:
        """Note what makes the descriptor unusable; `line` where the file is no document of ours."""
        place = line or self._documents.line(file, path)
        self.findings.append(Finding(file, place, show(path), problem, remedy))

    def warning(self, file: str, path: Path, problem: str, remedy: str) -> None:
        """Note what is doubtful but can be served."""
        self.error(file, path, problem, remedy)
        self.findings[-1] = replace(self.findings[-1], severity="warning")

    @property
    def errors(self) -> tuple[Finding, ...]:
        """The findings that forbid to go on."""
        return tuple(finding for finding in self.findings if finding.severity == "error")

    @property
    def warnings(self) -> tuple[Finding, ...]:
        """The findings that are only told."""
        return tuple(finding for finding in self.findings if finding.severity == "warning")


def show(path: Iterable[str | int]) -> str:
    """`("schema", 0, "name")` as `schema[0].name`."""
    text = ""
    for step in path:
        text += f"[{step}]" if isinstance(step, int) else f".{step}" if text else step
    return text


def read(file: str, text: str) -> tuple[Any, Mapping[Path, int]]:
    """The one YAML document of `text` as plain values, and the line of every path in it.

    Raises DocumentError: not YAML, several documents, duplicate or non-text keys, an explicit tag, NaN, too large.
    """
    reader = _Reader(file)
    if len(text) > TEXT_LIMIT:
        raise reader.refusal(1, (), f"the file has more than {TEXT_LIMIT} characters", "split it")
    try:
        node = _composed(text)
    except yaml.MarkedYAMLError as error:
        mark = error.problem_mark or error.context_mark
        problem = " ".join(part for part in (error.problem, error.context) if part)
        raise reader.refusal(mark.line + 1 if mark else 0, (), f"not valid YAML: {problem}", "") from error
    except (yaml.YAMLError, RecursionError, ValueError) as error:
        raise reader.refusal(0, (), "not valid YAML", "one YAML document in UTF-8") from error
    if node is None:
        raise reader.refusal(1, (), "the file is empty", "one YAML mapping is expected")
    try:
        return reader.value(node, ()), reader.lines
    except RecursionError as error:
        raise reader.refusal(0, (), "an anchor holds itself", "write the values out") from error


def _composed(text: str) -> yaml.Node | None:
    """The node graph: by libyaml, a tenth of the time, but for what is wrong, which PyYAML has better words for.

    Libyaml has no bound to its recursion, and its scanner is quadratic in the depth: what is deep is not given to it.
    """
    depth = 0
    try:
        for event in yaml.parse(text, Loader=yaml.CSafeLoader):
            depth += isinstance(event, yaml.CollectionStartEvent) - isinstance(event, yaml.CollectionEndEvent)
            if depth > DEPTH_LIMIT:
                return yaml.compose(text, Loader=yaml.SafeLoader)
        return yaml.compose(text, Loader=yaml.CSafeLoader)
    except (yaml.YAMLError, ValueError):
        return yaml.compose(text, Loader=yaml.SafeLoader)


def _is_word(node: yaml.Node) -> bool:
    """Whether YAML 1.1 takes plain text for a truth value, as in `on: {product: x}`; YAML 1.2 (10.3.2) does not."""
    return node.tag == f"{_TAG}bool" and node.value.lower() not in {"true", "false"}


class _Reader:
    """Turns one node graph into values, counting what aliases expand to."""

    def __init__(self, file: str) -> None:
        self._file = file
        self._count = 0
        self._scalars = yaml.constructor.SafeConstructor()
        self.lines: dict[Path, int] = {}

    def refusal(self, line: int, path: Path, problem: str, remedy: str) -> DocumentError:
        return DocumentError(Finding(self._file, line, show(path), problem, remedy))

    def value(self, node: yaml.Node, path: Path) -> Any:
        line = node.start_mark.line + 1
        self.lines.setdefault(path, line)
        self._count += 1
        if self._count > VALUE_LIMIT or len(path) > DEPTH_LIMIT:
            raise self.refusal(
                line,
                (),
                f"more than {VALUE_LIMIT} values or {DEPTH_LIMIT} levels, aliases expanded",
                "use fewer aliases of aliases",
            )
        if isinstance(node, yaml.MappingNode):
            return self._mapping(node, path)
        if isinstance(node, yaml.SequenceNode):
            self._plain(node, path, {"seq"})
            return [self.value(child, (*path, index)) for index, child in enumerate(node.value)]
        return self._scalar(node, path)

    def _plain(self, node: yaml.Node, path: Path, allowed: set[str]) -> str:
        kind = str(node.tag).removeprefix(_TAG)
        if kind not in allowed:
            line = node.start_mark.line + 1
            raise self.refusal(line, path, f"the tag {node.tag} is not accepted", "plain YAML values only")
        return kind

    def _scalar(self, node: yaml.Node, path: Path) -> Any:
        kind = self._plain(node, path, {"str", "int", "float", "bool", "null", "timestamp", "value"})
        if kind in {"str", "timestamp", "value"} or _is_word(node):
            return str(node.value)
        try:
            value = getattr(self._scalars, f"construct_yaml_{kind}")(node)
        except (ValueError, KeyError) as error:
            raise self.refusal(node.start_mark.line + 1, path, f"{node.value} is not a {kind}", "quote it") from error
        if isinstance(value, float) and not math.isfinite(value):
            raise self.refusal(node.start_mark.line + 1, path, f"{node.value} is no finite number", "quote it")
        return value

    def _mapping(self, node: yaml.MappingNode, path: Path) -> dict[str, Any]:
        self._plain(node, path, {"map"})
        own: dict[str, Any] = {}
        merged: dict[str, Any] = {}
        for key, child in node.value:
            line = key.start_mark.line + 1
            if key.tag == f"{_TAG}merge":
                for name, value in self._merged(child, path).items():
                    merged.setdefault(name, value)
                continue
            if not isinstance(key, yaml.ScalarNode) or not (key.tag == f"{_TAG}str" or _is_word(key)):
                raise self.refusal(line, path, "a key is not text", "quote the key")
            if key.value in own:
                raise self.refusal(line, (*path, key.value), "the key stands twice", "remove one")
            self.lines[(*path, key.value)] = line
            own[key.value] = self.value(child, (*path, key.value))
        return {**merged, **own}

    def _merged(self, node: yaml.Node, path: Path) -> dict[str, Any]:
        """What `<<: *anchor` or `<<: [*a, *b]` brings; the first of a list wins (YAML merge key, 2005)."""
        sources = node.value if isinstance(node, yaml.SequenceNode) else [node]
        brought: dict[str, Any] = {}
        for source in sources:
            if not isinstance(source, yaml.MappingNode):
                raise self.refusal(source.start_mark.line + 1, path, "<< names no mapping", "merge a mapping's alias")
            values = self.value(source, path)
            assert isinstance(values, dict)
            brought = {**values, **brought}
        return brought

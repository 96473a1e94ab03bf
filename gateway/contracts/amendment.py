"""A descriptor's text with its status or a custom property of ours changed, and every other character as it was. Pure.

What comes out is read again and compared: an edit that would change anything else is refused.
"""

from __future__ import annotations

import json
from collections.abc import Collection, Mapping
from typing import Any

import yaml
from yaml.nodes import MappingNode, Node, ScalarNode, SequenceNode

from gateway import document
from gateway.contracts.bitol import VENDOR
from gateway.contracts.contract import ContractError
from gateway.document import DocumentError, Finding

_KEY = "customProperties"


def amended(file: str, text: str, status: str, properties: Mapping[str, str]) -> str:
    """`text` with that status, and with each of `properties` as a custom property of the vendor outport.

    Raises ContractError where the text is laid out so that it cannot be edited surely: the owner's hand is needed.
    """
    try:
        before, _ = document.read(file, text)
        wanted = _wanted(before, status, properties)
        made = _with_status(text, status)
        for name, value in properties.items():
            made = _with_property(made, name, value)
        after, _ = document.read(file, made)
    except (DocumentError, yaml.YAMLError, AttributeError) as error:
        raise ContractError([_by_hand(file, status, properties)]) from error
    if _plain(after) != _plain(wanted):
        raise ContractError([_by_hand(file, status, properties)])
    return made


def _wanted(before: Any, status: str, properties: Mapping[str, str]) -> dict[str, Any]:
    others = [one for one in before.get(_KEY) or [] if not _ours(one) or one["property"] not in properties]
    added = [{"property": name, "vendor": VENDOR, "value": value} for name, value in properties.items()]
    found = {**before, "status": status}
    return found | {_KEY: [*others, *added]} if others or added else found


def _ours(one: Mapping[str, Any]) -> bool:
    return one.get("vendor") == VENDOR and "property" in one


def _plain(found: Mapping[str, Any]) -> str:
    """Comparable: custom properties are a set."""
    told = {**found, _KEY: sorted(json.dumps(one, sort_keys=True) for one in found.get(_KEY) or [])}
    return json.dumps(told, sort_keys=True)


def _root(text: str) -> dict[str, Node]:
    found = yaml.compose(text, Loader=yaml.SafeLoader)
    if not isinstance(found, MappingNode):
        raise yaml.YAMLError("no mapping")
    return {key.value: value for key, value in found.value if isinstance(key, ScalarNode)}


def _with_status(text: str, status: str) -> str:
    root = _root(text)
    if "status" in root:
        return _put(text, root["status"], status)
    line = root["version"].end_mark.line + 1
    lines = text.splitlines(keepends=True)
    return "".join([*lines[:line], f"status: {status}\n", *lines[line:]])


def _with_property(text: str, name: str, value: str) -> str:
    entry = f"{{property: {name}, vendor: {VENDOR}, value: {json.dumps(value)}}}"
    node = _root(text).get(_KEY)
    if not isinstance(node, SequenceNode):
        return f"{text.rstrip()}\n{_KEY}:\n  - {entry}\n"
    for item in node.value:
        parts = {key.value: inner for key, inner in item.value}
        if parts["property"].value == name and "vendor" in parts and parts["vendor"].value == VENDOR:
            return _put(text, parts["value"], json.dumps(value))
    start = node.start_mark.index
    if node.flow_style:
        return f"{text[: start + 1]}{entry}{', ' if node.value else ''}{text[start + 1 :]}"
    return f"{text[:start]}- {entry}\n{' ' * node.start_mark.column}{text[start:]}"


def without(file: str, text: str, names: Collection[str]) -> str:
    """`text` without the custom properties of ours that are called so. Raises ContractError as `amended` does."""
    made = text
    while (found := _named(made, names)) is not None:
        made = found
    before, _ = document.read(file, text)
    after, _ = document.read(file, made)
    kept = [one for one in before.get(_KEY) or [] if not (_ours(one) and one["property"] in names)]
    if _plain(after) != _plain({**before, _KEY: kept}):
        raise ContractError(
            [Finding(file, 0, _KEY, "this descriptor cannot be edited surely", "take them out by hand")]
        )
    return made


def _named(text: str, names: Collection[str]) -> str | None:
    """`text` without the first of them, None where there is none."""
    sequence = _root(text).get(_KEY)
    for place, item in enumerate(sequence.value if isinstance(sequence, SequenceNode) else ()):
        parts = {key.value: inner.value for key, inner in item.value if isinstance(inner, ScalarNode)}
        if parts.get("vendor") != VENDOR or parts.get("property") not in names:
            continue
        assert isinstance(sequence, SequenceNode)
        start, end = item.start_mark, item.end_mark
        if sequence.flow_style:
            following = sequence.value[place + 1].start_mark.index if place + 1 < len(sequence.value) else end.index
            first = sequence.value[place - 1].end_mark.index if place and following == end.index else start.index
            return f"{text[:first]}{text[following:]}"
        lines = text.splitlines(keepends=True)
        last = end.line + 1 if item.flow_style else end.line
        return "".join([*lines[: start.line], *lines[last:]])
    return None


def _put(text: str, node: Node, value: str) -> str:
    return f"{text[: node.start_mark.index]}{value}{text[node.end_mark.index :]}"


def _by_hand(file: str, status: str, properties: Mapping[str, str]) -> Finding:
    told = "".join(f", {name} {value} (vendor {VENDOR})" for name, value in properties.items())
    return Finding(file, 0, "", "this descriptor cannot be edited surely", f"write it yourself: status {status}{told}")


def put(text: str, values: Mapping[str, str]) -> str:
    """`text` with other values of keys that stand at its top. Raises ContractError where one does not."""
    for key, value in values.items():
        node = _root(text).get(key)
        if not isinstance(node, ScalarNode):
            raise ContractError([Finding("", 0, key, f"{key} does not stand in the descriptor", f"{key}: {value}")])
        text = _put(text, node, value)
    return text

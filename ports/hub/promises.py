"""What a product promises beside how it is kept, as its reader may know it. Pure."""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass
from typing import Any

from gateway import VisibleProduct
from ports.http import projection
from ports.hub import words

_STATES = {"ok": "kept", "at_risk": "at risk", "breached": "breached", "no_data": "no data yet"}
_LOOKS = {"ok": "good", "breached": "bad"}
_WORST = ("breached", "at_risk", "ok", "no_data", "")
_DURATIONS = {"freshness", "detection", "repair"}


@dataclass(frozen=True)
class Promise:
    """One promise: what was promised, what is measured now, how it was kept; "" where there is nothing to tell.

    `look` is a class of the stylesheet. A promise that nothing measures has no `state`.
    """

    name: str
    promised: str
    state: str
    look: str
    now: str
    kept: str
    left: str
    about: str


@dataclass(frozen=True)
class _Declared:
    """One of `slaProperties`; `element` is the table or column that it is about, "" for all."""

    name: str
    element: str
    promised: str
    about: str


def of(visible: VisibleProduct, results: Sequence[Mapping[str, Any]]) -> tuple[Promise, ...]:
    """Those that are measured first. Of one that is measured by door alone it is the worst door's."""
    slas = [
        _Declared(one.property, one.element, f"{one.value}{words.unit(one.unit, one.value)}", one.description)
        for one in visible.product.sla
        if projection.names_only(one.element, visible)
    ]
    found: list[Promise] = []
    told: set[int] = set()
    for group in _grouped(results):
        one = group[0]
        sla = next((i for i, sla in enumerate(slas) if i not in told and _matches(sla, one)), None)
        told |= {sla} if sla is not None else set()
        found.append(_measured(group, slas[sla] if sla is not None else None))
    rest = (sla for i, sla in enumerate(slas) if i not in told)
    return (*found, *(Promise(_name(one), one.promised, "", "", "", "", "", one.about) for one in rest))


def _grouped(results: Iterable[Mapping[str, Any]]) -> list[list[Mapping[str, Any]]]:
    groups: dict[str, list[Mapping[str, Any]]] = {}
    for one in results:
        groups.setdefault(one["objective"].removesuffix(f".{one['port']}"), []).append(one)
    whole = {name: [one for one in group if not one["port"]] for name, group in groups.items()}
    return [whole[name] or sorted(group, key=_rank) for name, group in groups.items()]


def _rank(one: Mapping[str, Any]) -> int:
    return _WORST.index(one["state"] or "")


def _matches(sla: _Declared, one: Mapping[str, Any]) -> bool:
    of_it = f"{one['table']}.{one['column']}".strip(".")
    return sla.name == one["promise"] and sla.element in {"", one["table"], of_it}


def _measured(group: Sequence[Mapping[str, Any]], sla: _Declared | None) -> Promise:
    one = group[0]
    name = f"{words.plain(one['kind'])}{' of ' + one['table'] if one['table'] else ''}"
    return Promise(
        name,
        sla.promised if sla is not None else _value(one["kind"], one["target"]),
        _STATES.get(one["state"], "") or "not measured",
        _LOOKS.get(one["state"], ""),
        _value(one["kind"], one["value"]) if one["state"] != "no_data" else "",
        words.percent(one["adherence"]) if one["adherence"] is not None and one["state"] != "no_data" else "",
        words.percent(one["budget"]) if one["budget"] is not None else "",
        one["description"],
    )


def _value(kind: str, value: float | None) -> str:
    if value is None:
        return ""
    if kind in _DURATIONS:
        return words.duration(value)
    return f"{value:,.3g} ms" if kind == "latency" else f"{100 * value:.4g} %"


def _name(sla: _Declared) -> str:
    return f"{words.plain(sla.name)}{' of ' + sla.element if sla.element else ''}"

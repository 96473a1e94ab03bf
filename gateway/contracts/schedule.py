"""When a product is made anew, as its descriptor says: by cron in a zone, or whenever what it reads is published.

Pure; APScheduler's trigger tells moments. Numbers of weekdays are cron's own here (0 and 7 are Sunday), which that
trigger takes for others (0 is Monday): they become names before it sees them.
"""

from __future__ import annotations

import functools
import re
from collections.abc import Iterator
from datetime import UTC, datetime, timedelta
from typing import Any
from zoneinfo import ZoneInfo

from apscheduler.triggers.cron import CronTrigger

from gateway.contracts.descriptor import Descriptor
from gateway.document import Report
from gateway.product import Schedule

REFRESH = "refresh"
_DAYS = ("sun", "mon", "tue", "wed", "thu", "fri", "sat", "sun")
_NUMBER = re.compile(r"(?<![\d/])\d+", re.ASCII)
_FIELDS = 5
REMEDY = 'refresh: {cron: "15 6 * * 1-5", zone: Europe/Paris}, and {"on": upstream} to follow what it reads'


class ScheduleError(Exception):
    """A cron expression or a zone that means nothing; the message is for the product's owner."""


def after(schedule: Schedule, moment: datetime) -> datetime | None:
    """The first time of the schedule's cron after `moment`, None where there is none. Raises ScheduleError."""
    if not schedule.cron:
        return None
    trigger = _trigger(schedule.cron, schedule.zone)
    found = trigger.get_next_fire_time(None, moment + timedelta(microseconds=1))
    return None if found is None else found.astimezone(UTC)


@functools.lru_cache(maxsize=256)
def _trigger(cron: str, zone: str) -> CronTrigger:
    """Raises ScheduleError."""
    fields = cron.split()
    if len(fields) != _FIELDS:
        raise ScheduleError(
            f"{cron} is no cron expression: it has {len(fields)} fields of minute hour day month weekday"
        )
    if fields[2] != "*" and fields[4] != "*":
        # Of two conditions cron wants either, APScheduler both: neither is guessed.
        raise ScheduleError(f"{cron} names days of the month and of the week; one of them is *")
    try:
        fields[4] = _NUMBER.sub(lambda match: _DAYS[int(match[0])], _unwrapped(fields[4]))
        return CronTrigger.from_crontab(" ".join(fields), ZoneInfo(zone))
    except (ValueError, KeyError, IndexError, OSError) as error:
        raise ScheduleError(f"{cron} in {zone} is no schedule") from error


def _unwrapped(days: str) -> str:
    """Weekdays without ranges of numbers and steps, which the trigger would count from Monday on."""
    found: list[str] = []
    for part in days.split(","):
        match = re.fullmatch(r"(?:\*|([0-7])-([0-7]))(?:/([1-7]))?", part, re.ASCII)
        if match is None or part == "*":
            found.append(part)
            continue
        first, last = (int(match[1]), int(match[2])) if match[1] else (0, 6)
        found += [str(day) for day in range(first, last + 1, int(match[3] or 1))]
    return ",".join(found)


def declared(descriptor: Descriptor, report: Report) -> Schedule | None:
    """When the product is made anew.

    As its custom property `refresh` says, else the cron of a contract's SLA `frequency`. Where that names no cron, the
    first one that a quality rule is to be looked at by: rules are looked at as the product is made.
    """
    own = descriptor.product.custom(REFRESH)
    found = _own(own, descriptor, report) if own is not None else _cron(_promised(descriptor), "UTC", False, report)
    if report.errors or (found is not None and found.cron):
        return found
    zone, upstream = (found.zone, found.upstream) if found is not None else ("UTC", False)
    return _cron(_ruled(descriptor), zone, upstream, report) or found


_Place = tuple[str, str, tuple[str | int, ...]]


def _promised(descriptor: Descriptor) -> Iterator[_Place]:
    """(cron, file, place) of each SLA `frequency`."""
    for file, contract in descriptor.contracts.items():
        for index, sla in enumerate(contract.slaProperties):
            if sla.property == "frequency" and sla.scheduler == "cron" and sla.schedule:
                yield sla.schedule, file, ("slaProperties", index, "schedule")


def _ruled(descriptor: Descriptor) -> Iterator[_Place]:
    """(cron, file, place) of each quality rule that has a schedule."""
    for file, contract in descriptor.contracts.items():
        for index, table in enumerate(contract.tables):
            for number, rule in enumerate(table.quality):
                if rule.scheduler == "cron" and rule.schedule:
                    yield rule.schedule, file, ("schema", index, "quality", number, "schedule")


def _cron(places: Iterator[_Place], zone: str, upstream: bool, report: Report) -> Schedule | None:
    """The schedule of the first of `places`."""
    for cron, file, place in places:
        return _checked(Schedule(cron, zone, upstream), file, place, report)
    return None


def read(body: Any) -> Schedule:
    """The schedule that `{cron: ..., zone: ..., on: upstream}` declares. Raises ScheduleError."""
    known = isinstance(body, dict) and bool(body) and set(body) <= {"cron", "zone", "on"}
    if not known or not all(isinstance(value, str) for value in body.values()):
        raise ScheduleError(f"{body} is no schedule")
    if body.get("on", "upstream") != "upstream" or not {"cron", "on"} & set(body):
        raise ScheduleError("neither a cron expression nor on: upstream")
    return _coming(Schedule(body.get("cron", ""), body.get("zone", "UTC"), "on" in body))


def _own(body: Any, descriptor: Descriptor, report: Report) -> Schedule | None:
    try:
        return read(body)
    except ScheduleError as error:
        report.error(descriptor.file, ("customProperties",), f"{REFRESH}: {error}", REMEDY)
        return None


def _checked(found: Schedule, file: str, place: tuple[str | int, ...], report: Report) -> Schedule | None:
    try:
        return _coming(found)
    except ScheduleError as error:
        report.error(file, place, f"{REFRESH}: {error}", REMEDY)
        return None


def _coming(found: Schedule) -> Schedule:
    """`found`, whose cron comes at all: to look for what never does takes long, and a server would look each time.

    Raises ScheduleError.
    """
    if found.cron and after(found, datetime(2026, 1, 1, tzinfo=UTC)) is None:
        raise ScheduleError(f"{found.cron} never comes")
    return found

"""When a product is made anew, as its descriptor says: by cron in a zone, or whenever what it reads is published.

Pure; APScheduler's trigger tells moments. Numbers of weekdays are cron's own here (0 and 7 are Sunday), which that
trigger takes for others (0 is Monday): they become names before it sees them.
"""

from __future__ import annotations

import functools
import re
from datetime import UTC, datetime, timedelta
from typing import Any
from zoneinfo import ZoneInfo

from apscheduler.triggers.cron import CronTrigger

from gateway.descriptor import Descriptor
from gateway.document import Report
from gateway.product import Schedule

REFRESH = "refresh"
_DAYS = ("sun", "mon", "tue", "wed", "thu", "fri", "sat", "sun")
_NUMBER = re.compile(r"(?<![\d/])\d+", re.ASCII)
_FIELDS = 5
_REMEDY = 'refresh: {cron: "15 6 * * 1-5", zone: Europe/Paris}, and {"on": upstream} to follow what it reads'


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
    """What the custom property `refresh` of the product says, else the cron of a contract's SLA `frequency`, if any."""
    own = descriptor.product.custom(REFRESH)
    if own is not None:
        return _own(own, descriptor, report)
    for file, contract in descriptor.contracts.items():
        for index, sla in enumerate(contract.slaProperties):
            if sla.property == "frequency" and sla.scheduler == "cron" and sla.schedule:
                found = Schedule(sla.schedule, "UTC", upstream=False)
                return _checked(found, file, ("slaProperties", index, "schedule"), report)
    return None


def _own(body: Any, descriptor: Descriptor, report: Report) -> Schedule | None:
    file, place = descriptor.file, ("customProperties",)
    known = isinstance(body, dict) and bool(body) and set(body) <= {"cron", "zone", "on"}
    if not known or not all(isinstance(value, str) for value in body.values()):
        report.error(file, place, f"{REFRESH} {body} is no schedule", _REMEDY)
        return None
    if body.get("on", "upstream") != "upstream" or not {"cron", "on"} & set(body):
        report.error(file, place, f"{REFRESH}: neither a cron expression nor on: upstream", _REMEDY)
        return None
    return _checked(Schedule(body.get("cron", ""), body.get("zone", "UTC"), "on" in body), file, place, report)


def _checked(found: Schedule, file: str, place: tuple[str | int, ...], report: Report) -> Schedule | None:
    try:
        # To look for what never comes takes long, and a server would look each time.
        if found.cron and after(found, datetime(2026, 1, 1, tzinfo=UTC)) is None:
            raise ScheduleError(f"{found.cron} never comes")
    except ScheduleError as error:
        report.error(file, place, f"{REFRESH}: {error}", _REMEDY)
        return None
    return found

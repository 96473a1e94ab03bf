"""What a data file holds, as far as a first contract needs it: types, proven keys, money, suspected personal data.

Reads one file through a locked engine that is confined to the file's folder; writes nothing.
"""

from __future__ import annotations

import re
import tempfile
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from itertools import combinations
from pathlib import Path
from typing import Any, Literal

from gateway.contracts.columns import suggestion
from gateway.sql import duck, duck_check

Format = Literal["parquet", "csv", "json"]
SUFFIXES: dict[str, Format] = {
    ".parquet": "parquet", ".csv": "csv", ".tsv": "csv", ".json": "json", ".jsonl": "json", ".ndjson": "json",
}  # fmt: skip
_SAMPLE = 500
_PAIR_COLUMNS = 8
_MEMORY = "2GB"
_DOUBLES = {"DOUBLE", "FLOAT"}
_KEY_TYPES = re.compile(r"U?(TINY|SMALL|BIG|HUGE)INT|U?INTEGER|VARCHAR|UUID|DATE|TIMESTAMP.*|DECIMAL\(.*\)")
_MONEY = re.compile(
    r"amount|price|cost|revenue|sales|value|total|disc|fee|salary|wage|income|balance|payment|paid|tax|turnover|spend"
    r"|budget|profit|margin|premium|usd|eur|gbp|money"
)
# Suspected by name: NIST SP 800-122, 2.2, names what identifies a person.
_PERSONAL_NAMES = re.compile(
    r"(full|first|last|middle|given|family|maiden|nick|sur|customer|client|person|patient|employee|contact|holder|user)"
    r"_?name|surname|^name$|e_?mail|phone|mobile|telephone|^fax|iban|(^|_)bic(_|$)|card_?n|account_?n|ssn|social_sec|passport"
    r"|tax_?id|national_?id|birth|^dob$|address|street|post_?code|postal|zip_?code|ip_addr|driver_?lic"
)
_PERSONAL_VALUES: tuple[tuple[str, re.Pattern[str]], ...] = (
    ("e-mail addresses", re.compile(r"[^@\s]+@[^@\s]+\.[a-zA-Z]{2,}")),
    ("IBANs", re.compile(r"[A-Z]{2}\d{2}[ ]?(?:[A-Z0-9]{4}[ ]?){2,7}[A-Z0-9]{1,4}")),
    ("phone numbers", re.compile(r"(?=(?:\D*\d){7,15}\D*$)(?:\+|00|\()[\d\s().\-/]+|\d{3}[-. ]\d{3}[-. ]\d{4}")),
    ("names of persons", re.compile(r"[A-Z][a-zà-ÿ]+(?: [A-Z]\.)?(?: (?:van|von|de|la|der))* [A-Z][a-zà-ÿ'\-]+")),
)


@dataclass(frozen=True, slots=True)
class Field:
    """One column of the file: `personal` says why it may identify a person, "" where nothing suggests it."""

    name: str
    physical_name: str
    type: str
    is_money: bool
    personal: str
    complete: bool


@dataclass(frozen=True, slots=True)
class Profile:
    """The columns of a file, how many rows it has, and the columns of a proven key (empty if none is)."""

    format: Format
    rows: int
    fields: tuple[Field, ...]
    key: tuple[str, ...]


class ProfileError(Exception):
    """A file that cannot be profiled; the message is for the product's owner."""


def profile(file: Path) -> Profile:
    """The profile of a parquet, CSV or JSON file. Raises ProfileError, and BadQuery if it cannot be read."""
    kind = SUFFIXES.get(file.suffix.lower())
    if kind is None:
        raise ProfileError(f"{file.name} is none of {', '.join(SUFFIXES)}")
    if not file.is_file():
        raise ProfileError(f"{file.name} does not exist")
    path = file.resolve()
    columns = duck_check.infer(path, kind)
    with tempfile.TemporaryDirectory() as spill:
        engine = duck.serving(threads=1, memory_limit=_MEMORY, snapshots=path.parent, spill=Path(spill))
        try:
            return _Scan(engine, path, kind).profile(columns)
        except duck.Error as error:
            raise ProfileError(f"{file.name} cannot be read through to its end") from error
        finally:
            engine.close()


class _Scan:
    """Questions about one file."""

    def __init__(self, engine: duck.Connection, path: Path, kind: Format) -> None:
        self._engine = engine
        self._path = str(path)
        self._kind = kind
        self._reader = {"parquet": "read_parquet", "csv": "read_csv", "json": "read_json"}[kind]

    def ask(self, items: Sequence[str], rest: str = "") -> list[tuple[Any, ...]]:
        text = f"SELECT {', '.join(items)} FROM {self._reader}($1) {rest}"
        return list(self._engine.execute(text, [self._path]).fetchall())

    def profile(self, columns: Sequence[tuple[str, str]]) -> Profile:
        quoted = [duck.quote(name) for name, _ in columns]
        counts = self.ask(["count(*)", *(f"count({name})" for name in quoted)])[0]
        rows = int(counts[0])
        complete = [rows > 0 and int(count) == rows for count in counts[1:]]
        names = _distinct_names([name for name, _ in columns])
        sample = self.ask(quoted, f"LIMIT {_SAMPLE}")
        fields = tuple(
            Field(
                name=names[index],
                physical_name=physical,
                type="VARCHAR" if "ENUM" in kind else kind,
                is_money=kind in _DOUBLES and self._is_money(names[index], physical),
                personal=_personal(names[index], kind, [row[index] for row in sample]),
                complete=complete[index],
            )
            for index, (physical, kind) in enumerate(columns)
        )
        return Profile(self._kind, rows, fields, self._key(fields, rows))

    def _is_money(self, name: str, physical: str) -> bool:
        """A name that speaks of money over values that have no more than two decimals."""
        if not _MONEY.search(name):
            return False
        column = duck.quote(physical)
        fits = f"bool_and(isfinite({column}) AND abs({column}) < 1e13 AND abs({column} - round({column}, 2)) < 1e-6)"
        return bool(self.ask([fits])[0][0])

    def _key(self, fields: Sequence[Field], rows: int) -> tuple[str, ...]:
        """The one column, else the two, that tell every row apart; identifiers by name come first."""
        if rows < 2:
            return ()
        usable = [field for field in fields if field.complete and _KEY_TYPES.fullmatch(field.type)]
        if not usable:
            return ()
        likely = sorted(usable, key=lambda field: (not re.search(r"(^|_)(id|key|code|no|nr)$", field.name),))
        near = self.ask([f"approx_count_distinct({duck.quote(field.physical_name)})" for field in likely])[0]
        spread = dict(zip(likely, (int(count) for count in near), strict=True))
        for field in likely:
            # approx_count_distinct (HyperLogLog) errs by a few percent: a cheap filter before the exact count.
            if spread[field] > 0.8 * rows and self._tells_apart([field], rows):
                return (field.name,)
        for pair in combinations(likely[:_PAIR_COLUMNS], 2):
            if spread[pair[0]] * spread[pair[1]] > 0.8 * rows and self._tells_apart(pair, rows):
                return tuple(field.name for field in pair)
        return ()

    def _tells_apart(self, fields: Sequence[Field], rows: int) -> bool:
        columns = ", ".join(duck.quote(field.physical_name) for field in fields)
        return int(self.ask([f"count(DISTINCT ({columns}))"])[0][0]) == rows


def _distinct_names(physical: Sequence[str]) -> list[str]:
    names: list[str] = []
    for original in physical:
        name, number = suggestion(original), 2
        while name in names:
            name, number = f"{suggestion(original)[:59]}_{number}", number + 1
        names.append(name)
    return names


def _personal(name: str, kind: str, values: Sequence[Any]) -> str:
    """Why the column may identify a person: by its name, or by most of its sampled values."""
    if _PERSONAL_NAMES.search(name):
        return "its name"
    texts = [value for value in values if isinstance(value, str) and value]
    if kind != "VARCHAR" or not texts:
        return ""
    # A category may look like a name ("North West"); persons differ from row to row.
    varied = len(set(texts)) > len(texts) / 2
    for what, pattern in _PERSONAL_VALUES:
        matches: Callable[[str], object] = pattern.fullmatch
        share = sum(1 for text in texts if matches(text.strip())) / len(texts)
        if share >= 0.5 and (varied or what != "names of persons"):
            return f"values like {what}"
    return ""

"""Whether the audit stands as it was written. Reads the audit folder, a line at a time; decides with the key's help.

What it can tell: a line that was edited, put in, taken out or moved; a file that is gone, or cut where a later file or
an exported head knows better. What it cannot: whether the end of the newest chain was cut, without such a head.
"""

from __future__ import annotations

from collections.abc import Container, Iterable, Iterator, Mapping
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any, Literal

from gateway.accounting import audit_chain, audit_files
from gateway.accounting.audit_chain import NO_SEAL, Head, Line, Seal
from gateway.accounting.audit_files import ChainFile

FINDINGS = 100
State = Literal["closed", "continued", "running", "ended", "torn", "missing"]
Kind = Literal[
    "edited", "missing", "moved", "repeated", "broken", "cut", "key", "foreign", "torn", "ended", "gap", "more"
]
NOTES = frozenset({"torn", "ended", "gap"})
_EXPORTED = "an exported head"


@dataclass(frozen=True, slots=True)
class Finding:
    """What is wrong, or worth knowing (a kind of NOTES). `line` counts from 1 within the file, None for all of it."""

    kind: Kind
    line: int | None
    message: str

    @property
    def note(self) -> bool:
        """Whether a crash explains it, and nothing was changed for certain."""
        return self.kind in NOTES


@dataclass(frozen=True, slots=True)
class FileReport:
    """One file as it was found: `first` and `last` are numbers in the chain, 0 where it has no line."""

    file: str
    chain: str
    first: int
    last: int
    lines: int
    state: State
    findings: tuple[Finding, ...]

    @property
    def whole(self) -> bool:
        """Whether nothing is wrong with it."""
        return all(one.note for one in self.findings)


@dataclass(slots=True)
class _Claim:
    """What somebody knows of a chain: that its line of that number has that seal."""

    head: Head
    by: str


@dataclass(slots=True)
class _Chain:
    """How far a chain was followed: its last sound line, the spoilt ones after that, its last file (0: none yet)."""

    seq: int = 0
    seal: bytes = NO_SEAL
    spoilt: int = 0
    number: int = 0
    claims: dict[int, list[_Claim]] = field(default_factory=dict)

    def beyond(self, seq: int) -> list[_Claim]:
        """What is known of lines after that number."""
        return [claim for number, told in self.claims.items() if number > seq for claim in told]


def verify(
    folder: Path, seals: Iterable[Seal], heads: Iterable[Head] = (), *, archived: bool = False
) -> Iterator[FileReport]:
    """A report for each file, then one for each that is gone. `heads` were exported before.

    With `archived`, the oldest files may have been moved away.
    """
    files, others = audit_files.chain_files(folder)
    chains: dict[str, _Chain] = {}
    claims = [_Claim(head, _EXPORTED) for head in heads]
    claims += [_Claim(before, file.path.name) for file in files if (before := _before(file)) is not None]
    for claim in claims:
        chains.setdefault(claim.head.chain, _Chain()).claims.setdefault(claim.head.seq, []).append(claim)
    known = {seal.key_id: seal for seal in seals}
    for place, file in enumerate(files):
        last = place + 1 == len(files) or files[place + 1].chain != file.chain
        chain = chains.setdefault(file.chain, _Chain())
        yield _Reading(file, chain, known, last=last, archived=archived).report()
    for path in others:
        yield _foreign(path)
    excused = {_EXPORTED, min((file.path.name for file in files), default="")} if archived else set()
    for name, chain in chains.items():
        yield from _gone(name, chain, excused)


class _Reading:
    """One pass over one file."""

    def __init__(
        self, file: ChainFile, chain: _Chain, known: Mapping[str, Seal], *, last: bool, archived: bool
    ) -> None:
        self._file, self._chain, self._last, self._archived = file, chain, last, archived
        self._seal = known.get(str(file.opening.fields.get("key"))) if file.opening is not None else None
        # A spoilt opening line does not tell the key: any that is known may have made the others.
        self._known = tuple(known.values()) if file.opening is None else ()
        self._findings: list[Finding] = []
        self._lacking: dict[int, int] = {}
        self._found = self._lines = self._first = self._final = 0
        self._event = ""
        self._torn = False

    def report(self) -> FileReport:
        """What the whole file is."""
        self._begin()
        for raw in audit_files.lines(self._file.path):
            self._lines += 1
            self._read(raw)
        state = self._end()
        for number, line in self._lacking.items():
            self._find("missing", line, f"line {number} of the chain is missing before it")
        if self._found > FINDINGS:
            self._findings.append(Finding("more", None, f"and {self._found - FINDINGS} findings more"))
        file, chain = self._file.path.name, self._file.chain
        return FileReport(file, chain, self._first, self._final, self._lines, state, tuple(self._findings))

    def _find(self, kind: Kind, line: int | None, message: str) -> None:
        self._found += 1
        if self._found <= FINDINGS:
            self._findings.append(Finding(kind, line, message))

    def _begin(self) -> None:
        number, before = self._file.number, self._chain.number
        if number != before + 1 and not (before == 0 and self._archived):
            absent = f"file {before + 1}" if number == before + 2 else f"files {before + 1} to {number - 1}"
            self._find("missing", None, f"{absent} of its chain {'is' if number == before + 2 else 'are'} missing")
        if self._seal is None and not self._known:
            self._find("key", None, "its seals were made under a secret that is not set here: nothing is proved")
        self._chain.number = number

    def _read(self, raw: bytes) -> None:
        line = audit_chain.read(raw)
        if line is None and not raw.endswith(b"\n"):
            self._torn = True
            return
        if line is None or not self._holds(line):
            self._chain.spoilt += 1
            self._find("edited", self._lines, "it does not stand as it was written: edited, or put in")
            return
        self._follow(line)
        self._event = str(line.fields.get("event"))
        if self._event == "audit_gap":
            self._find("gap", self._lines, f"{line.fields.get('lost')} records could not be written before it")

    def _holds(self, line: Line) -> bool:
        if self._known:
            return any(line.holds(seal) for seal in self._known)
        return self._seal is None or line.holds(self._seal)

    def _follow(self, line: Line) -> None:
        """Take `line` as the next of the chain, and say where it is not."""
        chain, seq = self._chain, line.seq
        for claim in chain.claims.get(seq, ()):
            if claim.head.seal.encode() != line.seal:
                self._find("broken", self._lines, f"line {seq} of the chain is another than {claim.by} knows")
        if seq <= chain.seq:
            if self._lacking.pop(seq, None) is not None:
                self._find("moved", self._lines, f"line {seq} of the chain stands after line {chain.seq}")
            else:
                self._find("repeated", self._lines, f"line {seq} of the chain stands here again")
            return
        if not (chain.seq == 0 and self._archived and self._file.number > 1):
            self._link(line)
        chain.seq, chain.seal, chain.spoilt = seq, line.seal, 0
        self._first, self._final = self._first or seq, seq

    def _link(self, line: Line) -> None:
        """Whether `line` follows the last sound one; a spoilt line may stand for a number of its own, or for none."""
        chain, seq = self._chain, line.seq
        first = chain.seq + 1 + chain.spoilt
        if seq - first > FINDINGS - len(self._lacking):
            self._find("missing", self._lines, f"lines {first} to {seq - 1} of the chain are missing before it")
        elif seq > first:
            self._lacking |= dict.fromkeys(range(first, seq), self._lines)
        elif seq == chain.seq + 1 and line.previous != chain.seal:
            self._find("broken", self._lines, f"line {seq} of the chain does not follow the line before it")

    def _end(self) -> State:
        if self._torn:
            return self._torn_end()
        if self._event == "audit_continued":
            if self._last:
                self._find("missing", None, f"its chain goes on in file {self._file.number + 1}, which is missing")
            return "continued"
        if not self._last:
            self._find("cut", None, "its chain goes on in another file, and it does not say so: its end is missing")
            return "ended"
        if self._event == "audit_closed":
            return "closed"
        if audit_files.being_written(self._file.path):
            return "running"
        self._find("ended", None, "its process was killed, or its end was cut: only an exported head can tell")
        return "ended"

    def _torn_end(self) -> State:
        if not self._last:
            self._find("cut", self._lines, "its last line is cut, and its chain goes on in another file")
        elif not audit_files.being_written(self._file.path):
            self._find("torn", self._lines, "its last line is cut, as a crash does: that record is lost")
        return "torn"


def _before(file: ChainFile) -> Head | None:
    """Where the file that was begun before stood, as the opening line says it."""
    told: Any = file.opening.fields.get("before") if file.opening is not None else None
    try:
        return Head(str(told["chain"]), int(told["seq"]), str(told["seal"])) if told else None
    except (KeyError, TypeError, ValueError):
        return None


def _foreign(path: Path) -> FileReport:
    finding = Finding("foreign", None, "it is no file of a chain: nothing is known about it")
    return FileReport(path.name, "", 0, 0, 0, "ended", (finding,))


def _gone(name: str, chain: _Chain, excused: Container[str]) -> Iterator[FileReport]:
    """The report of lines that somebody knows of and no file has."""
    kind: Kind
    if chain.number:
        kind, what = "cut", "its end was cut"
        lost = chain.beyond(chain.seq + chain.spoilt)
    else:
        kind, what = "missing", "no file of it is here"
        lost = [claim for claim in chain.beyond(-1) if claim.by not in excused]
    if lost:
        most = max(lost, key=lambda claim: claim.head.seq)
        message = f"chain {name} had line {most.head.seq}, as {most.by} knows: {what}"
        yield FileReport("", name, 0, 0, 0, "missing", (Finding(kind, None, message),))

"""Whatever is done to the audit's files without the key is found and named; a crash is told from it."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path

import pytest

from gateway.access.keys import Keys
from gateway.accounting import audit_chain
from gateway.accounting.audit import Audit, seals
from gateway.accounting.audit_chain import Head, Seal
from gateway.accounting.audit_verify import FileReport, Kind, verify
from gateway.accounting.observe import PolicyLoaded
from tests.gateway.test_audit import ANSWERED, FILING, KEY, Filing, chain

Lines = list[bytes]


def make(folder: Path, records: int = 6, filing: Filing = FILING, *, close: bool = True) -> Head:
    """A chain of so many records, and where it stands at the end."""
    audit = chain(folder, filing)
    for _ in range(records):
        audit.record(ANSWERED)
    if close:
        audit.close()
    return audit.head


def files(folder: Path) -> list[Path]:
    return sorted(folder.glob("*.jsonl"))


def change(path: Path, how: Callable[[Lines], Lines]) -> None:
    path.write_bytes(b"".join(how(path.read_bytes().splitlines(keepends=True))))


def check(folder: Path, *heads: Head, archived: bool = False) -> list[FileReport]:
    return list(verify(folder, [Seal(KEY)], heads, archived=archived))


def found(folder: Path, *heads: Head, archived: bool = False) -> list[tuple[Kind, int | None]]:
    return [(one.kind, one.line) for report in check(folder, *heads, archived=archived) for one in report.findings]


def resealed(raw: bytes, key: bytes) -> bytes:
    """A line as somebody with another key would write it."""
    text = raw[: raw.rindex(b',"seal":"')]
    return b'%b,"seal":"%b"}\n' % (text, Seal(key).of(text))


@pytest.mark.parametrize(
    ("how", "expected"),
    [
        (lambda lines: [*lines[:3], lines[3].replace(b'"rows":3', b'"rows":4'), *lines[4:]], [("edited", 4)]),
        (lambda lines: [*lines[:3], resealed(lines[3], KEY[:-1]), *lines[4:]], [("edited", 4)]),
        (lambda lines: [*lines[:3], b"{}\n", *lines[4:]], [("edited", 4)]),
        (lambda lines: [*lines[:3], b"\n", *lines[3:]], [("edited", 4)]),
        (lambda lines: [*lines[:3], *lines[4:]], [("missing", 4)]),
        (lambda lines: [*lines[:2], *lines[5:]], [("missing", 3)] * 3),
        (lambda lines: lines[1:], [("missing", 1)]),
        (lambda lines: [*lines[:3], lines[4], lines[3], *lines[5:]], [("moved", 5)]),
        (lambda lines: [*lines[:5], lines[2], *lines[5:]], [("repeated", 6)]),
        (lambda lines: [*lines[:3], lines[3][:-30] + b"\n", *lines[4:]], [("edited", 4)]),
        (lambda lines: [lines[0].replace(b'"process":', b'"process":1'), *lines[1:]], [("edited", 1)]),
        (lambda lines: [lines[0].replace(b'"key":"', b'"key":"00')[:], *lines[1:]], [("key", None)]),
        (lambda lines: [b"\n", *lines[1:]], [("edited", 1)]),
        (lambda lines: lines[:-1], [("ended", None)]),
        (lambda lines: [*lines[:-1], lines[-1][:-9]], [("torn", 8)]),
    ],
    ids=[
        "edited", "sealed with another key", "no line", "blank line put in", "taken out",
        "three taken out", "opening taken out", "moved", "repeated", "cut inside", "opening edited",
        "key named otherwise", "opening spoilt", "end taken out", "end torn",
    ],
)  # fmt: skip
def test_what_is_done_to_a_line_is_named(
    tmp_path: Path, how: Callable[[Lines], Lines], expected: list[tuple[Kind, int | None]]
) -> None:
    make(tmp_path)
    assert found(tmp_path) == []
    change(files(tmp_path)[0], how)
    assert found(tmp_path) == expected
    assert all(report.whole for report in check(tmp_path)) == (expected[0][0] in ("ended", "torn"))


def test_an_end_that_was_cut_is_known_by_an_exported_head(tmp_path: Path) -> None:
    head = make(tmp_path)
    assert found(tmp_path, head) == []
    change(files(tmp_path)[0], lambda lines: lines[:-2])
    assert found(tmp_path) == [("ended", None)]
    assert found(tmp_path, head) == [("ended", None), ("cut", None)]
    assert found(tmp_path, Head(head.chain, 3, "0" * 32)) == [("broken", 3), ("ended", None)]
    files(tmp_path)[0].unlink()
    assert found(tmp_path) == []
    assert found(tmp_path, head) == [("missing", None)]


def test_an_end_that_was_cut_is_known_by_whoever_began_later(tmp_path: Path) -> None:
    make(tmp_path)
    make(tmp_path)
    assert found(tmp_path) == []
    change(files(tmp_path)[0], lambda lines: lines[:-2])
    assert ("cut", None) in found(tmp_path)


def test_a_file_that_is_gone_is_known_by_the_one_begun_after_it(tmp_path: Path) -> None:
    heads = [make(tmp_path) for _ in range(3)]
    files(tmp_path)[1].unlink()
    (gone,) = [report for report in check(tmp_path) if not report.whole]
    assert (gone.chain, gone.state) == (heads[1].chain, "missing")
    assert files(tmp_path)[1].name in gone.findings[0].message
    assert ("missing", None) in found(tmp_path, archived=True)


def test_files_of_a_chain_that_are_gone_swapped_or_cut_are_named(tmp_path: Path) -> None:
    small = Filing(1_200, True, 0)
    for name in ("first", "middle", "last", "two", "cut", "swapped"):
        make(tmp_path / name, 12, small)
        assert found(tmp_path / name) == []
        assert len(files(tmp_path / name)) >= 5
    files(tmp_path / "first")[0].unlink()
    files(tmp_path / "middle")[2].unlink()
    files(tmp_path / "last")[-1].unlink()
    for path in files(tmp_path / "two")[1:3]:
        path.unlink()
    assert found(tmp_path / "first")[0] == ("missing", None)
    assert found(tmp_path / "first", archived=True) == []
    assert found(tmp_path / "middle")[0] == ("missing", None)
    assert found(tmp_path / "middle", archived=True)[0] == ("missing", None)
    assert found(tmp_path / "last") == [("missing", None)]
    assert "files 2 to 3" in check(tmp_path / "two")[1].findings[0].message
    change(files(tmp_path / "cut")[1], lambda lines: lines[:-1])
    assert [kind for kind, _ in found(tmp_path / "cut")] == ["cut", "missing"]
    one, other = files(tmp_path / "swapped")[1:3]
    one.rename(tmp_path / "keep")
    other.rename(one)
    (tmp_path / "keep").rename(other)
    assert found(tmp_path / "swapped") == []  # names are no evidence: what stands in the files is


def test_lines_of_another_chain_do_not_pass(tmp_path: Path) -> None:
    make(tmp_path / "a")
    make(tmp_path / "b")
    strange = files(tmp_path / "b")[0].read_bytes().splitlines(keepends=True)
    change(files(tmp_path / "a")[0], lambda lines: [*lines[:4], *strange[4:]])
    assert found(tmp_path / "a") == [("broken", 5)]


def test_a_chain_of_an_attackers_own_key_proves_nothing(tmp_path: Path) -> None:
    make(tmp_path)
    forged = chain(tmp_path)
    forged._seal = Seal(b"the attacker's own key, 32 bytes")
    forged.record(PolicyLoaded("v"))
    forged.close()
    assert found(tmp_path) == [("key", None)]


def test_a_file_that_is_of_no_chain_is_named(tmp_path: Path) -> None:
    make(tmp_path)
    (tmp_path / "20261121T143605Z-7.jsonl").write_text('{"event":"query_answered"}\n')
    assert found(tmp_path) == [("foreign", None)]


def test_a_crash_leaves_notes_and_no_accusation(tmp_path: Path) -> None:
    make(tmp_path, close=False)
    assert found(tmp_path) == []
    assert check(tmp_path)[0].state == "running"
    crashed = tmp_path / "crashed"
    crashed.mkdir()
    path = crashed / files(tmp_path)[0].name
    path.write_bytes(files(tmp_path)[0].read_bytes() + b'{"time":"2026')
    assert found(crashed) == [("torn", 8)]
    make(crashed)
    assert [report.whole for report in check(crashed)] == [True, True]
    path.with_name(path.name.replace("-1.jsonl", "-2.jsonl")).touch()  # begun, and never written to
    path.write_bytes(b"".join(path.read_bytes().splitlines(keepends=True)[:-1]))
    assert "cut" in [kind for kind, _ in found(crashed)]


def test_findings_and_lines_are_bounded(tmp_path: Path) -> None:
    make(tmp_path, 150)
    change(files(tmp_path)[0], lambda lines: [lines[0], *(b"x" * 100 + b"\n" for _ in lines[1:])])
    (report,) = check(tmp_path)
    assert len(report.findings) == 101
    assert report.findings[-1].kind == "more"


def test_heads_are_read_from_a_log() -> None:
    head = Head("0123456789abcdef", 12, "ab" * 16)
    text = f"2026-11-21 14:00:00 INFO outport.audit audit head {head}\nnothing here\n{head}\n"
    assert audit_chain.heads(text) == (head, head)


def test_a_chain_of_an_older_secret_holds_while_that_is_set(tmp_path: Path) -> None:
    old, new = b"an older secret, of 32 bytes or more", b"a newer secret, of 32 bytes or more"
    written = Audit(tmp_path, Keys(old).derive("audit chain"), FILING)
    written.record(ANSWERED)
    written.close()
    assert [one.kind for report in verify(tmp_path, seals(Keys(new, old))) for one in report.findings] == []
    assert [one.kind for report in verify(tmp_path, seals(Keys(new))) for one in report.findings] == ["key"]

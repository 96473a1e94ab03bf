"""to_char and to_number of numbers, and PostgreSQL's functions of numbers that DuckDB has not. Pure: changes a tree.

A format becomes an expression over the number's own digits. Source: PostgreSQL 15, chapters 9.3 and 9.8.
"""

from __future__ import annotations

import re
from collections.abc import Mapping
from dataclasses import dataclass

from gateway.dialects.dialect_nodes import filled, replaced
from gateway.errors import BadQuery
from gateway.sql import syntax, tree
from gateway.sql.tree import Node

_WIDTH = "(CAST($3 AS DOUBLE) - CAST($2 AS DOUBLE))"
_BUCKET = f"CAST(floor((CAST($1 AS DOUBLE) - CAST($2 AS DOUBLE)) * $4 / {_WIDTH}) + 1 AS INTEGER)"
EXPRESSIONS: Mapping[tuple[str, int], str] = {
    ("log", 2): "ln($2) / ln($1)",
    ("width_bucket", 4): "CASE WHEN $2 < $3 "
    f"THEN (CASE WHEN $1 < $2 THEN 0 WHEN $1 >= $3 THEN $4 + 1 ELSE {_BUCKET} END) "
    f"ELSE (CASE WHEN $1 > $2 THEN 0 WHEN $1 <= $3 THEN $4 + 1 ELSE {_BUCKET} END) END",
}  # fmt: skip
_SIGNS = re.compile(r"^(S|MI|PR)|(S|MI|PR)$", re.IGNORECASE)
_BODY = re.compile(r"([^09.,DGS]*)([09.,DG]+)([^09]*)", re.IGNORECASE)
_DIGITS_LIMIT = 30


@dataclass(frozen=True)
class _Format:
    """A format of digits: `whole` and `part` before and behind the point, of 9, 0 and commas.

    `sign` is "", or where the sign stands: S, MI or PR, `leading` whether before the digits.
    """

    whole: str
    part: str
    point: bool
    fill: bool
    sign: str
    leading: bool
    before: str
    behind: str


def is_number(pattern: str) -> bool:
    """Whether a format is one of numbers: those of times have no digits."""
    return re.search(r"[09]", re.sub(r'"[^"]*"', "", pattern)) is not None


def _read(pattern: str, node: Node) -> _Format:
    text, fill = pattern.strip(), True
    if text.upper().startswith("FM"):
        text, fill = text[2:], False
    sign = _SIGNS.search(text)
    if sign is not None:
        text = text[: sign.start()] + text[sign.end() :]
    body = _BODY.fullmatch(text)
    if body is None or len(body[2]) > _DIGITS_LIMIT or re.search(r"V|EEEE|RN|TH|[\"\\]", text, re.IGNORECASE):
        raise BadQuery("this format of numbers is not supported", reason="unsupported", position=tree.position(node),
                       hint="FM 9 0 . , D G S MI PR $ L")  # fmt: skip
    whole, point, part = body[2].upper().replace("D", ".").replace("G", ",").partition(".")
    before, behind = (re.sub("L", " ", one, flags=re.IGNORECASE) for one in (body[1], body[3]))
    word = (sign[1] or sign[2] or "").upper() if sign else ""
    return _Format(whole, part.replace(",", ""), bool(point), fill, word, bool(sign and sign[1]), before, behind)


def written(node: Node, pattern: str, value: Node) -> None:
    """to_char of a number. Raises BadQuery (unsupported)."""
    form = _read(pattern, node)
    scale = len(form.part)
    digits = f"CAST(CAST(round(abs($1), {scale}) AS DECIMAL(38,{scale})) AS VARCHAR)"
    inner = f"list_transform([{digits}], lambda shown: {_shown(form)})[1]"
    signed = f"list_transform([{inner}], lambda digits: {_signed(form)})[1]"
    text = f"{_text(form.before)} || {signed} || {_text(form.behind)}" if form.before or form.behind else signed
    replaced(node, filled(text.replace("$negative", f"round($1, {scale}) < 0"), value))


def _text(value: str) -> str:
    return "'" + value.replace("'", "''") + "'"


def _shown(form: _Format) -> str:
    """The digits of `shown`, blanks before them: a sign is put in later."""
    places = form.whole.replace(",", "")
    least = len(places) - places.index("0") if "0" in places else 0
    whole = "split_part(shown, '.', 1)"
    if form.point and not least:
        whole = f"CASE WHEN {whole} = '0' THEN '' ELSE {whole} END"
    count = f"greatest({least}, length({whole}))"
    if least:
        whole = f"CASE WHEN length({whole}) < {least} THEN right('{'0' * least}' || {whole}, {least}) ELSE {whole} END"
    padded = f"lpad({whole}, {len(places)}, ' ')" if places else "''"
    parts, taken = list[str](), 0
    for run in re.findall(r"[09]+|,", form.whole):
        if run == ",":
            left = len(places) - taken
            parts.append(f"CASE WHEN {count} > {left} THEN ',' ELSE ' ' END")
        else:
            parts.append(f"substr({padded}, {taken + 1}, {len(run)})")
            taken += len(run)
    shown = " || ".join(parts) or "''"
    if form.point:
        shown += f" || '.' || {_part(form)}"
    many = re.sub(r"[09]", "#", form.whole) + ("." + "#" * len(form.part) if form.point else "")
    first = "split_part(shown, '.', 1)"
    return f"CASE WHEN length({first}) > {len(places)} AND {first} <> '0' THEN '{many}' ELSE {shown} END"


def _part(form: _Format) -> str:
    """What stands behind the point; FM leaves zeros out, but for those that a 0 asks for."""
    part = "split_part(shown, '.', 2)"
    if form.fill or not form.part:
        return part
    kept = form.part.rfind("0") + 1
    return f"left({part}, {kept}) || rtrim(substr({part}, {kept + 1}), '0')"


def _signed(form: _Format) -> str:
    """The sign at its place, before the first digit unless the format says where."""
    width = len(form.whole) + (1 + len(form.part) if form.point else 0)
    plain = "ltrim(digits)" if not form.fill else "digits"
    minus, none = "'-'", "' '" if form.fill else "''"
    if form.sign == "MI" or (form.sign == "S" and not form.leading):
        none = "'+'" if form.sign == "S" else none
        sign = f"CASE WHEN $negative THEN {minus} ELSE {none} END"
        return f"{sign} || {plain}" if form.leading else f"{plain} || {sign}"
    if form.sign == "PR":
        bare = "ltrim(digits)"
        framed = f"CASE WHEN $negative THEN '<' || {bare} || '>' ELSE {none} || {bare} || {none} END"
        return f"lpad({framed}, {width + 2}, ' ')" if form.fill else framed
    none = "'+'" if form.sign == "S" else none
    framed = f"CASE WHEN $negative THEN {minus} ELSE {none} END || ltrim(digits)"
    return f"lpad({framed}, {width + 1}, ' ')" if form.fill else framed


def read(node: Node, arguments: list[Node]) -> None:
    """to_number: the digits, the sign and the point of a text. Raises BadQuery (unsupported)."""
    pattern = syntax.constant(arguments[1]) if len(arguments) == 2 else None
    if not isinstance(pattern, str) or len(pattern) > _DIGITS_LIMIT:
        raise BadQuery("to_number takes a constant format", reason="unsupported", position=tree.position(node))
    form = _read(pattern, node)
    kind = f"DECIMAL({max(1, len(form.whole) + len(form.part))},{len(form.part)})"
    digits = "regexp_replace($1, '[^0-9.]', '', 'g')"
    replaced(node, filled(f"CAST(CASE WHEN regexp_matches($1, '^[^0-9]*[-<]|-$') THEN '-' ELSE '' END || {digits} "
                          f"AS {kind})", arguments[0]))  # fmt: skip

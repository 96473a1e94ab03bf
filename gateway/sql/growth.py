"""How large an expression's value can become, and how many steps it takes, from the bounds of its parts.

Pure: knows calls and constants, no names and no queries. A column of a table counts as one small value of its data.
"""

from __future__ import annotations

import math
import re
from collections.abc import Iterable
from typing import NamedTuple

from gateway.errors import BadQuery
from gateway.sql.series import DAY_S, NEAR, THIS_YEAR, YEAR_S, step_s
from gateway.sql.syntax import Node, constant, position

# Built for each row of a vector of 2,048, outside the engine's memory accounting: 250,000 items of a list are 4 GB.
SIZE_LIMIT = 250_000
# Steps for one row of a vector, between which nothing can be interrupted.
WORK_LIMIT = 1_000_000
# What an aggregate that gathers rows counts as: enough that a step for each pair of its items is refused.
GATHERED = 1_001
# Characters of a text of the data, where it is repeated and where it is put into another one at each place.
REPEATED = 10
INSERTED = 100
# How far from today a date may lie to which anything but an interval was added, in years.
FAR = 1_000_000


class Bound(NamedTuple):
    """Upper bounds of one expression. A tuple: it is made for every node, and a frozen dataclass costs four times that.

    `parts`: what the planner sees, aliases copied; `size`: characters or items of the value; `item`: size of one item
    of a list, states of a text as a regular expression; `work`: steps to compute it once; `years`: how far from today
    it may lie as a date; `items`: how many a list has, 0 where `size` is all that is known of them.
    """

    parts: int = 1
    size: int = 1
    item: int = 1
    work: int = 1
    years: int = NEAR
    items: int = 1

    @property
    def rounds(self) -> int:
        """How often a lambda runs over it."""
        return self.items or self.size


ONE = Bound()


def widest(bounds: Iterable[Bound]) -> Bound:
    """The bound of a value that is one of several."""
    given = list(bounds)
    if not given:
        return ONE
    if len(given) == 1:
        return given[0]
    largest = Bound(*map(max, zip(*given, strict=True)))
    return largest if all(one.items for one in given) else largest._replace(items=0)


def together(bounds: Iterable[Bound]) -> Bound:
    """The bound of expressions side by side: all are planned and computed, the largest counts."""
    given = list(bounds)
    largest = widest(given)
    return largest._replace(items=0, parts=1 + sum(one.parts for one in given), work=1 + sum(one.work for one in given))


def checked(bound: Bound, node: Node | None = None) -> Bound:
    """`bound` itself. Raises BadQuery (limit) for a value that is too large or takes too many steps."""
    if bound.size > SIZE_LIMIT:
        words = (
            f"this expression could build more than {SIZE_LIMIT} items or characters for each row: use fewer levels "
        )
        raise _refused(words + "of repeat, replace, concatenation or list_transform, or smaller counts", node)
    if bound.work > WORK_LIMIT:
        words = f"this expression could take more than {WORK_LIMIT} steps for each row: shorten what is compared, with "
        raise _refused(words + "left(x, 500), or what is matched or looped over", node)
    return bound


def _refused(words: str, node: Node | None) -> BadQuery:
    return BadQuery(words, reason="limit", position=position(node) if node else None)


_COUNTS = re.compile(r"\{(\d{1,4})(?:,(\d{0,4}))?\}")


def literal(node: Node) -> Bound:
    """The bound of a constant. RE2 unfolds `x{n}` to n copies, nested ones multiplied, at most 1,000 in all."""
    text = str(node["literal"]["text"])
    size = max(1, len(text)) if node["literal"]["kind"] == "STRING" else 1
    if size < 5:
        return ONE._replace(size=size, item=size, items=0)
    counts = math.prod(max(1, int(most or least)) for least, most in _COUNTS.findall(text))
    year = re.match(r"(-?\d{4,6})-\d", text)
    years = NEAR + abs(int(year[1]) - THIS_YEAR) if year else NEAR
    return Bound(1, size, size * min(1_000, counts), 1, years, 0)


# Functions whose answer is a number or a short text, whatever they are given.
_SHORT = frozenset(
    """
    length len strlen char_length character_length bit_length octet_length length_grapheme cardinality array_length
    json_array_length count count_star count_if countif sum avg mean median stddev variance approx_count_distinct
    list_count list_sum list_avg list_median list_unique list_product list_position list_indexof
    array_position array_indexof strpos instr position ascii unicode ord hash md5 sha1 sha256 contains list_contains
    list_has array_contains array_has starts_with ends_with prefix suffix bool_and bool_or json_type json_valid
    list_has_any list_has_all array_has_any array_has_all regexp_matches regexp_full_match levenshtein editdist3
    damerau_levenshtein jaro_similarity jaro_winkler_similarity jaccard hamming mismatches row_number rank dense_rank
    ~~ !~~ ~~* !~~* ~~~ ~ !~ ^@ @> <@ && like_escape ilike_escape not_like_escape not_ilike_escape
    + - * / // % ** ^ abs round floor ceil ceiling trunc sign sqrt ln log exp date_part datepart date_diff datediff
    year quarter month week day hour minute second epoch
    """.split()
)
_ITEMS = frozenset(
    """
    unnest list_extract list_element element_at array_extract list_first list_last list_any_value list_min list_max
    list_mode
    """.split()
)
# The answer is as large as all arguments together: a list or a struct, in which a text may be escaped, or one text.
_LISTS = frozenset("list_value list_pack array_value unpivot_list json_array json_object".split())
_STRUCTS = frozenset("struct_pack row struct_concat struct_insert".split())
_JOINED = frozenset(
    """
    || concat concat_ws array_cat array_concat list_cat list_concat list_append list_prepend array_append array_prepend
    list_zip array_zip map map_concat map_from_entries json_merge_patch overlay
    """.split()
)
_TIMES = frozenset("list_transform list_apply array_transform apply list_select array_select".split())
# The answer has the items of the first argument, some of them or one made of each.
_SAME_ITEMS = frozenset(
    """
    list_transform list_apply array_transform apply list_filter filter array_filter list_sort array_sort list_reverse
    array_reverse list_reverse_sort array_reverse_sort list_distinct array_distinct list_slice array_slice
    """.split()
)
# Aggregates that gather their rows, with the least number of arguments at which they do.
_GATHER = {
    "list": 1, "array_agg": 1, "string_agg": 1, "listagg": 1, "group_concat": 1, "json_group_array": 1,
    "json_group_object": 1, "histogram": 1, "approx_top_k": 1, "max": 2, "min": 2, "arg_max": 3, "arg_min": 3,
    "max_by": 3, "min_by": 3, "argmax": 3, "argmin": 3,
}  # fmt: skip
_WIDER = {
    "hex": 2, "to_hex": 2, "bin": 8, "to_binary": 8, "base64": 2, "to_base64": 2, "url_encode": 3, "json_quote": 2,
    "to_json": 2, "array_to_json": 2, "row_to_json": 2, "regexp_escape": 2,
}  # fmt: skip
# Steps grow with the product of the first two arguments.
_SQUARE = frozenset(
    """
    levenshtein editdist3 damerau_levenshtein jaro_similarity jaro_winkler_similarity regexp_matches regexp_full_match
    regexp_replace regexp_extract regexp_extract_all regexp_split_to_array string_split_regex str_split_regex
    ~ !~ ~~ !~~ ~~* !~~* ~~~ like_escape ilike_escape not_like_escape not_ilike_escape json_merge_patch
    """.split()
)
_JSON_PATHS = frozenset("json_extract json_extract_string json_extract_path json_extract_path_text -> ->>".split())
# The same day, or one of those given.
_SAME_DAY = frozenset(
    """
    min max first last any_value arbitrary date_trunc datetrunc time_bucket last_day least greatest coalesce nullif if
    first_value last_value nth_value lag lead now today current_date get_current_timestamp transaction_timestamp
    timezone list_value unnest generate_series range
    """.split()
)


def call(name: str, node: Node, plain: list[Bound], bodies: list[Bound], beside: Bound) -> Bound:
    """The bound of a call: `plain` are its arguments, `bodies` its lambdas for one item, `beside` its other clauses."""
    arguments = [argument["expression"] for argument in node["arguments"]]
    lists = [one for one, argument in zip(plain, _plain(arguments), strict=True) if argument.get("class") != "CONSTANT"]
    rounds = max([one.rounds for one in lists], default=1) if bodies else 1
    parts = beside.parts + sum(one.parts for one in plain) + sum(one.parts for one in bodies)
    work = beside.work + sum(one.work for one in plain) + rounds * (1 + sum(one.work for one in bodies))
    if name in _SQUARE and len(plain) > 1:
        work += plain[0].size * max(plain[1].size, plain[1].item)
    if name in _JSON_PATHS:
        work += plain[0].size ** (1 + sum(str(constant(one)).count("..") for one in arguments[1:]))
    size, item = _answer(name, arguments, plain, bodies)
    return Bound(parts, size, item, work, _years(name, arguments, plain), _items(name, plain))


def _items(name: str, plain: list[Bound]) -> int:
    """How many items the answer of a call has, 0 where that is not known."""
    if name in _SHORT:
        return 1
    if name in {"list_value", "list_pack"}:
        return max(1, len(plain))
    if name in {"list", "array_agg"}:
        return GATHERED
    if name in _SAME_ITEMS and plain:
        return plain[0].items
    return sum(one.items for one in plain) if name in _JOINED and all(one.items for one in plain) else 0


def _plain(arguments: list[Node]) -> list[Node]:
    return [one for one in arguments if one.get("class") != "LAMBDA"]


def _answer(name: str, arguments: list[Node], plain: list[Bound], bodies: list[Bound]) -> tuple[int, int]:
    """Size and item size of a call's answer."""
    if name in _SHORT or not plain:
        return 1, 1
    sizes = [one.size for one in plain]
    largest, item = max(sizes), max(one.item for one in plain)
    if name in _ITEMS:
        return item, item
    if name in _TIMES:
        each = max([body.size for body in bodies], default=math.prod(sizes[1:]))
        return (plain[0].rounds if bodies else sizes[0]) * each, each if bodies else item
    if name in _LISTS:
        return packed(sizes), largest
    if name in _STRUCTS:
        return packed(sizes), packed(sizes)
    if name in _JOINED:
        return sum(sizes) + (len(sizes) * sizes[0] if name == "concat_ws" else 0), sum(one.item for one in plain)
    if len(plain) >= _GATHER.get(name, 1_000):
        return max(GATHERED, 2 * largest), largest
    if name in _WIDER:
        return largest * _WIDER[name], largest * _WIDER[name]
    if name == "json_pretty":
        return largest**2, largest
    return _counted(name, arguments, sizes, item) or (largest, item)


def packed(sizes: list[int]) -> int:
    """The size of a list or struct of values, once it is written as text: a text in it is escaped."""
    return 1 + sum(2 * size if size > 1 else 1 for size in sizes)


def _counted(name: str, arguments: list[Node], sizes: list[int], item: int) -> tuple[int, int] | None:
    """Size and item size of a call that an argument makes larger: a count, or what is put in at each place."""
    if name in {"lpad", "rpad"}:
        return max(_count(arguments[1]), *sizes), item
    if name == "equi_width_bins":
        return _count(arguments[2]), 1
    if name == "repeat":
        repeated = sizes[0] if constant(arguments[0]) is not None else max(REPEATED, sizes[0])
        return repeated * max(1, _count(arguments[1])), item * max(1, _count(arguments[1]))
    if name == "array_to_string" and len(sizes) == 2:
        return sizes[0] * (1 + _inserted(arguments[1], sizes[1])), item
    if name == "replace" and len(sizes) == 3:
        replaced = constant(arguments[1])
        length = max(1, len(replaced)) if isinstance(replaced, str) else 1
        return sizes[0] * -(-_inserted(arguments[2], sizes[2]) // length), item
    if name == "regexp_replace" and len(sizes) >= 3:
        inserted, every = constant(arguments[2]), len(sizes) > 3 and "g" in str(constant(arguments[3]) or "g")
        if isinstance(inserted, str) and not every:
            return sizes[0] * max(1, len(re.findall(r"\\\d", inserted))) + sizes[2], item
        return sizes[0] * _inserted(arguments[2], sizes[2]), item
    return None


def _inserted(argument: Node, size: int) -> int:
    return size if isinstance(constant(argument), str) else INSERTED * size


def _count(argument: Node) -> int:
    value = constant(argument)
    assert isinstance(value, int)
    return value


def _years(name: str, arguments: list[Node], plain: list[Bound]) -> int:
    if name in _SAME_DAY:
        return max([one.years for one in plain], default=NEAR)
    if name in {"+", "-", "date_add"} and len(plain) == 2:
        steps = [step_s(argument) for argument in arguments]
        if isinstance(days := constant(arguments[1]), int):
            steps[1] = days * DAY_S
        lengths = [abs(step) / YEAR_S for step in steps if step is not None]
        if len(lengths) == 1:
            return plain[0 if steps[0] is None else 1].years + math.ceil(lengths[0])
    return FAR

"""The allow-lists of DuckDB 2.0.0's serialised tree: every node, function, type and collation that a query may hold.

Golden for one DuckDB version (`duck.VERSION`): what is not listed is refused, so a new version is refused until these
lists are read again. Touches nothing.
"""

from __future__ import annotations

_EXPRESSION = {"class", "type", "alias", "query_location", "query_location_length"}
_REFERENCE = {"type", "alias", "sample", "query_location", "query_location_length"}
_CALL = _EXPRESSION | {"function_name", "schema", "catalog", "arguments", "qualified_name", "distinct"}
_BINARY = frozenset(_EXPRESSION | {"left", "right"})
_CHILDREN = frozenset(_EXPRESSION | {"children"})
_WINDOW = frozenset(
    _CALL
    | {"partitions", "orders", "start", "end", "start_expr", "end_expr", "offset_expr", "default_expr"}
    | {"ignore_nulls", "has_ignore_nulls", "filter_expr", "exclude_clause", "arg_orders"}
)
_ORDER = frozenset({"type", "null_order", "expression"})
_WINDOWS = (
    "AGGREGATE CUME_DIST FIRST_VALUE LAG LAST_VALUE LEAD NTH_VALUE NTILE PERCENT_RANK RANK RANK_DENSE ROW_NUMBER FILL"
).split()
_COMPARISONS = (
    "EQUAL NOTEQUAL LESSTHAN GREATERTHAN LESSTHANOREQUALTO GREATERTHANOREQUALTO DISTINCT_FROM NOT_DISTINCT_FROM"
).split()
_OPERATORS = (
    "ARRAY_CONSTRUCTOR ARRAY_EXTRACT ARRAY_SLICE COMPARE_IN COMPARE_NOT_IN GROUPING_FUNCTION OPERATOR_COALESCE "
    "OPERATOR_IS_NOT_NULL OPERATOR_IS_NULL OPERATOR_NOT OPERATOR_TRY STRUCT_EXTRACT"
).split()

# (class, type) -> the exact keys of that node. A node with another key, or of another type, is refused.
SHAPES: dict[tuple[str, str], frozenset[str]] = {
    ("", "SELECT_NODE"): frozenset(
        {"type", "modifiers", "cte_map", "select_list", "from_table", "where_clause", "group_expressions"}
        | {"group_sets", "aggregate_handling", "having", "sample", "qualify"}
    ),
    ("", "SET_OPERATION_NODE"): frozenset(
        {"type", "modifiers", "cte_map", "setop_type", "setop_all", "left", "right", "children"}
    ),
    ("", "RECURSIVE_CTE_NODE"): frozenset(
        {"type", "modifiers", "cte_map", "cte_name", "union_all", "left", "right", "aliases", "key_targets"}
    ),
    ("", "BASE_TABLE"): frozenset(
        _REFERENCE | {"schema_name", "table_name", "catalog_name", "column_name_alias", "at_clause", "qualified_name"}
    ),
    ("", "SUBQUERY"): frozenset(_REFERENCE | {"subquery", "column_name_alias"}),
    ("", "JOIN"): frozenset(
        _REFERENCE
        | {"left", "right", "condition", "join_type", "ref_type", "using_columns", "delim_flipped", "is_implicit"}
        | {"duplicate_eliminated_columns", "ranking_expression", "nearest_count", "nearest_order_type"}
        | {"nearest_approx"}
    ),
    ("", "TABLE_FUNCTION"): frozenset(_REFERENCE | {"function", "column_name_alias", "with_ordinality"}),
    ("", "EXPRESSION_LIST"): frozenset(_REFERENCE | {"expected_names", "expected_types", "values"}),
    ("", "EMPTY"): frozenset(_REFERENCE),
    ("", "PIVOT"): frozenset(
        _REFERENCE | {"source", "aggregates", "unpivot_names", "pivots", "groups", "column_name_alias", "include_nulls"}
    ),
    ("", "ORDER_MODIFIER"): frozenset({"type", "orders"}),
    ("", "LIMIT_MODIFIER"): frozenset({"type", "limit", "offset", "limit_type"}),
    ("", "DISTINCT_MODIFIER"): frozenset({"type", "distinct_on_targets"}),
    ("", "ORDER_DEFAULT"): _ORDER,
    ("", "ASCENDING"): _ORDER,
    ("", "DESCENDING"): _ORDER,
    ("BETWEEN", "COMPARE_BETWEEN"): frozenset(_EXPRESSION | {"input", "lower", "upper"}),
    ("CASE", "CASE_EXPR"): frozenset(_EXPRESSION | {"case_checks", "else_expr"}),
    ("CAST", "OPERATOR_CAST"): frozenset(_EXPRESSION | {"child", "try_cast", "type_expr"}),
    ("COLLATE", "COLLATE"): frozenset(_EXPRESSION | {"child", "collation"}),
    ("COLUMN_REF", "COLUMN_REF"): frozenset(_EXPRESSION | {"column_names"}),
    ("CONSTANT", "VALUE_CONSTANT"): frozenset(_EXPRESSION | {"literal"}),
    ("FUNCTION", "FUNCTION"): frozenset(_CALL | {"filter", "order_bys", "is_operator", "export_state"}),
    ("LAMBDA", "LAMBDA"): frozenset(_EXPRESSION | {"lhs", "expr", "syntax_type"}),
    ("PARAMETER", "VALUE_PARAMETER"): frozenset(_EXPRESSION | {"identifier"}),
    ("POSITIONAL_REFERENCE", "POSITIONAL_REFERENCE"): frozenset(_EXPRESSION | {"index"}),
    ("STAR", "STAR"): frozenset(
        _EXPRESSION
        | {"relation_name", "exclude_list", "qualified_exclude_list", "replace_list", "rename_list", "columns", "expr"}
    ),
    ("SUBQUERY", "SUBQUERY"): frozenset(_EXPRESSION | {"subquery_type", "subquery", "child", "comparison_type"}),
    ("TYPE", "TYPE"): frozenset(_EXPRESSION | {"catalog", "schema", "type_name", "children", "qualified_name"}),
    **{("COMPARISON", f"COMPARE_{name}"): _BINARY for name in _COMPARISONS},
    **{("CONJUNCTION", f"CONJUNCTION_{name}"): _CHILDREN for name in ("AND", "OR")},
    **{("OPERATOR", name): _CHILDREN for name in _OPERATORS},
    **{("WINDOW", f"WINDOW_{name}"): _WINDOW for name in _WINDOWS},
}

# Keys of the dictionaries that carry no type of their own.
PARTS: frozenset[frozenset[str]] = frozenset(
    frozenset(keys)
    for keys in (
        {"node", "named_param_map"},
        {"map"},
        {"kind", "text"},
        {"path"},
        {"key", "value"},
        {"name", "expression"},
        {"catalog", "schema", "table", "column"},
        {"when_expr", "then_expr"},
        {"aliases", "materialized", "key_targets", "payload_aggregates", "query_node"},
        {"pivot_expressions", "unpivot_names", "entries", "pivot_enum"},
        {"values", "star_expr", "alias"},
        {"sample_size", "is_percentage", "method", "seed", "repeatable", "sample_rate"},
        {"type", "is_null", "value"},
        {"id", "type_info"},
    )
)

# What a refused node is called in the message, and why it is refused.
REFUSED: dict[str, tuple[str, str]] = {
    "SHOW_REF": ("DESCRIBE, SHOW and SUMMARIZE are not queries", "unsupported"),
    "DELETE_QUERY_NODE": ("DELETE is not allowed: products are read-only", "read_only"),
    "INSERT_QUERY_NODE": ("INSERT is not allowed: products are read-only", "read_only"),
    "UPDATE_QUERY_NODE": ("UPDATE is not allowed: products are read-only", "read_only"),
    "COPY_QUERY_NODE": ("COPY is not allowed: products are read-only", "read_only"),
    "VALUE_DEFAULT": ("DEFAULT has no meaning in a query", "unsupported"),
}

OPERATORS = frozenset(
    "+ - * / // % ** ^ @ & | ~ << >> || ~~ !~~ ~~* !~~* ~~~ !~ ~ ^@ -> ->> @> <@ && !__postfix".split()
)

_SCALARS = """
abs acos acosh add age array_cat array_concat array_contains array_cosine_distance array_cosine_similarity
array_cross_product array_distance array_distinct array_dot_product array_extract array_filter array_has array_has_all
array_has_any array_indexof array_inner_product array_intersect array_length array_negative_dot_product
array_negative_inner_product array_position array_reverse_sort array_select array_slice array_sort array_to_json
array_transform array_unique array_value array_where array_zip apply ascii asin asinh atan atan2 atanh
base64 bin bit_count bit_length bit_position cardinality cbrt ceil ceiling century char_length character_length chr
concat concat_ws contains cos cosh cot current_date current_localtime current_localtimestamp damerau_levenshtein
date_diff date_part date_sub date_trunc datediff datepart datesub datetrunc day dayname dayofmonth dayofweek dayofyear
decade decode degrees divide editdist3 element_at encode ends_with epoch epoch_ms epoch_ns epoch_us equi_width_bins era
even exp factorial filter flatten floor format_bytes formatReadableDecimalSize formatReadableSize from_base64
from_binary from_hex gamma gcd gen_random_uuid get_bit get_current_time get_current_timestamp grade_up greatest
greatest_common_divisor hamming hash hex hour instr isfinite isinf isnan isodow isoyear jaccard jaro_similarity
jaro_winkler_similarity json_array json_array_length json_contains json_exists json_extract json_extract_path
json_extract_path_text json_extract_string json_keys json_merge_patch json_object json_pretty json_quote json_type
json_valid json_value julian last_day lcase lcm least least_common_multiple left left_grapheme len length
length_grapheme levenshtein lgamma like_escape ilike_escape not_like_escape not_ilike_escape list_apply list_cat
list_concat list_contains list_cosine_distance list_cosine_similarity list_distance list_distinct list_dot_product
list_element list_extract list_filter list_grade_up list_has list_has_all list_has_any list_indexof list_inner_product
list_intersect list_pack list_position list_reverse_sort list_select list_slice list_sort list_transform list_unique
list_value list_where list_zip ln log log10 log2 lower ltrim make_date make_time make_timestamp make_timestamp_ms
make_timestamp_ns make_timestamptz map map_concat map_contains map_entries map_extract map_extract_value
map_from_entries map_keys map_values md5 md5_number microsecond millennium millisecond minute mismatches mod month
monthname multiply nanosecond nextafter nfc_normalize now octet_length ord pi position pow power prefix quarter radians
random regexp_escape regexp_extract regexp_extract_all regexp_full_match regexp_matches regexp_replace
regexp_split_to_array replace reverse right right_grapheme round round_even roundbankers row row_to_json rtrim second
sha1 sha256 sign signbit sin sinh split sqrt starts_with str_split str_split_regex strftime string_split
string_split_regex string_to_array strip_accents strlen strpos strptime struct_concat struct_contains struct_extract
struct_extract_at struct_has struct_indexof struct_insert struct_keys struct_pack struct_position struct_values substr
substring substring_grapheme subtract suffix tan tanh time_bucket timezone timezone_hour timezone_minute to_base
to_base64 to_binary to_centuries to_days to_decades to_hex to_hours to_json to_microseconds to_millennia
to_milliseconds to_minutes to_months to_quarters to_seconds to_timestamp to_weeks to_years today transaction_timestamp
translate trim trunc try_strptime typeof ucase unbin unhex unicode unnest unpivot_list upper url_decode url_encode uuid
uuidv4 uuidv7 week weekday weekofyear xor year yearweek
if nullif split_part fdiv fmod date_add days_in_month list_any_value list_append list_avg list_bool_and
list_bool_or list_count list_first list_last list_max list_median list_min list_mode list_prepend list_product
list_reverse list_stddev_pop list_stddev_samp list_sum list_var_pop list_var_samp array_append array_prepend
array_reverse array_to_string map_contains_entry map_contains_value md5_number_lower md5_number_upper
geomean geometric_mean weighted_avg wavg json_group_array json_group_object grouping grouping_id
repeat lpad rpad range generate_series overlay
"""
_AGGREGATES = """
any_value approx_count_distinct approx_quantile approx_top_k arbitrary arg_max arg_max_null arg_min arg_min_null argmax
argmin array_agg avg bit_and bit_or bit_xor bool_and bool_or corr count count_if count_star countif covar_pop covar_samp
entropy favg first fsum group_concat histogram kahan_sum kurtosis kurtosis_pop last list listagg mad max max_by mean
median min min_by mode product quantile quantile_cont quantile_disc regr_avgx regr_avgy regr_count regr_intercept
regr_r2 regr_slope regr_sxx regr_sxy regr_syy reservoir_quantile sem skewness stddev stddev_pop stddev_samp string_agg
sum sum_no_overflow sumkahan var_pop var_samp variance
"""
_WINDOW_FUNCTIONS = """
cume_dist dense_rank first_value lag last_value lead nth_value ntile percent_rank rank rank_dense row_number fill
"""
AGGREGATES = frozenset(_AGGREGATES.split())
FUNCTIONS = frozenset(_SCALARS.split()) | {"formatreadabledecimalsize", "formatreadablesize"}
WINDOW_FUNCTIONS = frozenset(_WINDOW_FUNCTIONS.split())
TABLE_FUNCTIONS = frozenset({"range", "generate_series", "unnest", "json_each", "generate_subscripts"})

# Spellings of LIKE ... ESCAPE as functions: the escape must be one constant character, else the optimiser evaluates the
# client's predicate on rows that the policy hides.
ESCAPES = frozenset({"like_escape", "ilike_escape", "not_like_escape", "not_ilike_escape"})

# Functions whose answer grows with an argument: name -> position of the count, which must be a constant.
GROWING = {"repeat": 1, "lpad": 1, "rpad": 1, "equi_width_bins": 2}
SERIES = frozenset({"range", "generate_series"})

# Policy expressions: cannot throw, and depend on no time zone, collation, session or clock.
POLICY_FUNCTIONS = frozenset(
    """
    concat contains starts_with ends_with prefix suffix lower upper lcase ucase left right length char_length len strlen
    strpos instr position substr substring trim ltrim rtrim replace reverse split_part repeat lpad rpad
    list_contains list_has list_has_any list_has_all array_contains array_has list_value list_position len coalesce
    nullif if greatest least abs sign year month day quarter date_trunc make_date regexp_matches
    regexp_full_match regexp_replace regexp_extract to_days to_months to_years trunc
    """.split()
)
POLICY_OPERATORS = frozenset("|| ~~ !~~ ~~* !~~* ^@ ~ !~ + - * % && @> <@".split())

TYPES = frozenset(
    """
    TINYINT SMALLINT INTEGER BIGINT HUGEINT UTINYINT USMALLINT UINTEGER UBIGINT UHUGEINT INT INT1 INT2 INT4 INT8 INT16
    INT32 INT64 INT128 UINT8 UINT16 UINT32 UINT64 UINT128 SHORT LONG SIGNED INTEGRAL BOOL BOOLEAN LOGICAL DECIMAL
    NUMERIC DEC DOUBLE FLOAT FLOAT4 FLOAT8 REAL VARCHAR TEXT STRING CHAR BPCHAR NVARCHAR BLOB BYTEA BINARY VARBINARY
    DATE TIME TIMETZ TIMESTAMP TIMESTAMPTZ DATETIME TIMESTAMP_S TIMESTAMP_MS TIMESTAMP_US TIMESTAMP_NS INTERVAL UUID
    GUID JSON LIST ARRAY STRUCT ROW MAP BIT BITSTRING BIGNUM
    """.split()
) | {"TIMESTAMP WITH TIME ZONE", "TIME WITH TIME ZONE", "TIME_NS", "TIMESTAMPTZ_NS"}

COLLATIONS = frozenset({"nocase", "noaccent", "nfc", "binary", "c", "posix"})
SAMPLE_METHODS = frozenset({"reservoir", "bernoulli"})

# SQL value functions that the parser writes as a bare column reference (SQL:2016, 6.4).
SESSION_NAMES = frozenset({"current_user", "session_user", "user", "current_role"})
CATALOG_NAMES = frozenset({"current_catalog", "current_database"})
SCHEMA_NAMES = frozenset({"current_schema"})

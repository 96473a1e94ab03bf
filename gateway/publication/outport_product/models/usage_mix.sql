-- What scorecards hold as texts, taken apart: `door=12=rest`.
WITH parts AS (
    SELECT product, major, "at", unnest(mix) AS told FROM ledger.scorecards
)

SELECT
    product,
    CAST(coalesce(major, 0) AS INTEGER) AS major,
    "at" AS judged_at,
    split_part(told, '=', 1) AS what,
    substr(told, length(split_part(told, '=', 1)) + length(split_part(told, '=', 2)) + 3) AS part,
    CAST(split_part(told, '=', 2) AS BIGINT) AS number
FROM parts

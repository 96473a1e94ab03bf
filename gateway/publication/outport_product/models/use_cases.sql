-- The use cases that products declare, of the last scorecards: `agent,purpose=orders,orders.store=sales`.
WITH parts AS (
    SELECT DISTINCT product, major, "at", unnest(cases) AS told
    FROM ledger.scorecards
    WHERE "at" = (SELECT max("at") FROM ledger.scorecards)
)

SELECT
    product,
    substr(told, length(split_part(told, '=', 1)) + length(split_part(told, '=', 2)) + 3) AS use_case,
    CAST(coalesce(major, 0) AS INTEGER) AS major,
    "at" AS judged_at,
    split_part(told, '=', 1) <> '' AS seen,
    CASE WHEN split_part(told, '=', 1) = '' THEN CAST([] AS VARCHAR[]) ELSE string_split(split_part(told, '=', 1), ',') END AS seen_as,
    CASE WHEN split_part(told, '=', 2) = '' THEN CAST([] AS VARCHAR[]) ELSE string_split(split_part(told, '=', 2), ',') END AS reads
FROM parts

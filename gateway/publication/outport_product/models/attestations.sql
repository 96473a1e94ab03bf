-- The same of attestations: `2031-01-31=valid=privacy`, of the last scorecard.
WITH parts AS (
    SELECT DISTINCT product, major, "at", unnest(attested) AS told
    FROM ledger.scorecards
    WHERE "at" = (SELECT max("at") FROM ledger.scorecards)
)

SELECT
    product,
    substr(told, length(split_part(told, '=', 1)) + length(split_part(told, '=', 2)) + 3) AS name,
    CAST(split_part(told, '=', 1) AS DATE) AS expires,
    CAST(coalesce(major, 0) AS INTEGER) AS major,
    "at" AS judged_at,
    split_part(told, '=', 2) AS state
FROM parts

-- What is made of a product, and of which domain that is: `supply_chain=logistics`, of the last scorecards.
WITH parts AS (
    SELECT DISTINCT product, major, domain, "at", unnest(read_by) AS told
    FROM ledger.scorecards
    WHERE "at" = (SELECT max("at") FROM ledger.scorecards)
)

SELECT
    product,
    split_part(told, '=', 1) AS reader,
    CAST(coalesce(major, 0) AS INTEGER) AS major,
    domain,
    substr(told, length(split_part(told, '=', 1)) + 2) AS reading_domain,
    "at" AS judged_at,
    CAST([product, split_part(told, '=', 1)] AS VARCHAR[]) AS products
FROM parts

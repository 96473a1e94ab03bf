-- The share of rules that hold, in all and by dimension; one that is not known to hold does not. Those of inputs'
-- contracts, whose tables are INPUT.TABLE, are about what arrives, and not about the product.
WITH checks AS (
    SELECT run, attempt, product, version, "at", snapshot, holds, reads, dimension FROM ledger.quality WHERE NOT contains("table", '.')
    UNION ALL
    SELECT run, attempt, product, version, "at", snapshot, holds, reads, 'all' AS dimension FROM ledger.quality WHERE NOT contains("table", '.')
)

SELECT
    run || '.' || attempt AS check_id,
    dimension,
    max(product) AS product,
    CAST(split_part(max(version), '.', 1) AS INTEGER) AS major,
    max("at") AS checked_at,
    max(snapshot) IS NOT NULL AS published,
    count(*) AS rules,
    count(*) FILTER (WHERE holds) AS held,
    CAST(count(*) FILTER (WHERE holds) AS DOUBLE) / count(*) AS score,
    list_distinct(flatten(list(reads))) AS reads
FROM checks
GROUP BY run, attempt, dimension

-- Each outcome as the ledger has it.
SELECT
    run || '.' || attempt AS check_id,
    product,
    CAST(split_part(version, '.', 1) AS INTEGER) AS major,
    version,
    "table" AS table_name,
    rule,
    name,
    dimension,
    severity,
    "at" AS checked_at,
    snapshot,
    snapshot IS NOT NULL AS published,
    mock,
    holds,
    value,
    expected,
    unit,
    reads
FROM ledger.quality

-- Hours that are on file, and the minutes after them: what comes late is added to its hour.
WITH asked AS (
    SELECT "at", product, major, port, subject, kind, purpose, queries, lacking, failed, theirs, rows, bytes, computed_ms,
        sent_bytes, cpu_ms, rendered_ms
    FROM ledger.hours
    UNION ALL
    SELECT "at", product, major, port, subject, kind, purpose, queries, lacking, failed, theirs, rows, bytes, computed_ms,
        sent_bytes, cpu_ms, rendered_ms
    FROM ledger.minutes
    WHERE date_trunc('hour', "at") > (SELECT coalesce(max("at"), TIMESTAMP '1970-01-01') FROM ledger.hours)
)

SELECT
    date_trunc('hour', "at") AS hour,
    product,
    CAST(coalesce(major, 0) AS INTEGER) AS major,
    port,
    subject,
    kind,
    purpose,
    CAST(sum(queries) AS BIGINT) AS queries,
    CAST(sum(lacking + failed) AS BIGINT) AS failures,
    CAST(sum(theirs) AS BIGINT) AS refusals,
    CAST(sum(rows) AS BIGINT) AS rows_served,
    CAST(sum(bytes) AS BIGINT) AS bytes_served,
    sum(computed_ms) / 1000 AS computed_s,
    CAST(coalesce(sum(sent_bytes), 0) AS BIGINT) AS sent_bytes,
    coalesce(sum(cpu_ms) + sum(rendered_ms), 0) / 1000 AS cpu_s,
    coalesce(sum(rendered_ms), 0) / 1000 AS rendered_s
FROM asked
WHERE product <> ''
GROUP BY ALL

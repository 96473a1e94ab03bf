-- A run's begin and its end are two rows of the ledger; one that has no end goes on. One that did not come to know its
-- product's version is of that of the run before it.
SELECT
    run,
    attempt,
    max(product) AS product,
    CAST(
        coalesce(
            max(major),
            last_value(max(major) IGNORE NULLS) OVER (PARTITION BY max(product) ORDER BY min(begun), run),
            0
        ) AS INTEGER
    ) AS major,
    max(trigger) AS trigger,
    min(begun) AS begun_at,
    max("at") FILTER (WHERE phase = 'ended') AS ended_at,
    coalesce(max(outcome), 'running') AS outcome,
    max(snapshot) AS snapshot,
    date_diff('millisecond', min(begun), max("at") FILTER (WHERE phase = 'ended')) / 1000.0 AS seconds
FROM ledger.refresh
GROUP BY run, attempt

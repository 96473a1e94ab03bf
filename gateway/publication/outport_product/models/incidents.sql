-- An incident is opened, acknowledged and closed by rows of its own.
SELECT
    incident,
    max(product) AS product,
    CAST(coalesce(max(major), 0) AS INTEGER) AS major,
    max(objective) AS objective,
    max(port) AS port,
    min(first_bad) AS first_bad_at,
    min("at") FILTER (WHERE event = 'opened') AS opened_at,
    max(recovered) AS recovered_at,
    max("at") FILTER (WHERE event = 'closed') AS closed_at,
    max("at") FILTER (WHERE event = 'acknowledged') AS acknowledged_at,
    date_diff('millisecond', min(first_bad), min("at") FILTER (WHERE event = 'opened')) / 1000.0 AS detect_s,
    date_diff('millisecond', min("at") FILTER (WHERE event = 'opened'), max(recovered)) / 1000.0 AS repair_s,
    max(consumed_by) AS consumers,
    coalesce(any_value(reads) FILTER (WHERE event = 'opened'), CAST([] AS VARCHAR[])) AS reads,
    coalesce(bool_or(whole), false) AS whole
FROM ledger.incidents
GROUP BY incident
HAVING count(*) FILTER (WHERE event = 'opened') > 0

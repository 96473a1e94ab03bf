-- The last scorecards: all of them are made at one moment.
SELECT
    product,
    CAST(coalesce(major, 0) AS INTEGER) AS major,
    domain,
    "at" AS judged_at,
    people + applications + agents AS consumers,
    queries,
    computed_s,
    sent_bytes,
    cpu_s,
    rendered_s,
    bytes AS bytes_served,
    pace,
    change,
    compliance,
    documentation,
    changes,
    change_failure_rate,
    incidents,
    repaired,
    mttr_s,
    value,
    cost,
    retire
FROM ledger.scorecards
WHERE "at" = (SELECT max("at") FROM ledger.scorecards)

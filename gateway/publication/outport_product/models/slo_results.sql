-- How each objective stood when an hour ended, by door; "" is every door that it holds for.
SELECT
    product,
    CAST(coalesce(major, 0) AS INTEGER) AS major,
    objective,
    port,
    "at" AS judged_at,
    kind,
    promise,
    state,
    value,
    target,
    share AS promised_share,
    adherence,
    budget,
    burn,
    good,
    bad,
    reads,
    coalesce(whole, false) AS whole
FROM ledger.slo

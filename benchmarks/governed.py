"""What governance costs: a filtered scan through the gateway against the same scan in DuckDB, and binding itself."""

from __future__ import annotations

import itertools
from functools import partial

import duckdb

from benchmarks.deployment import alternated, deployed, median_s
from gateway import Gateway, Query, Session
from gateway.reach import grants
from gateway.serving.engine import default_threads

SCANS = {
    # who asks -> the same rows without a gateway
    "shop-app": "SELECT * FROM p.core.promotions WHERE store_id = 367",
    "analyst": "SELECT * FROM p.core.promotions",
}
TEXTS = {
    "rows": "SELECT * FROM promotions.promotions",
    "groups": "SELECT week, count(*) AS n FROM promotions.promotions GROUP BY week",
}
QUERIES = {
    "count": "SELECT count(*) FROM promotions.promotions WHERE product_id > {}",
    "group": (
        "SELECT week, display_location, count(*) AS n, count(DISTINCT store_id) AS stores FROM promotions.promotions "
        "WHERE product_id IN (1, 2, {}) GROUP BY ALL HAVING count(*) > 5 ORDER BY n DESC LIMIT 10"
    ),
    "joins": (
        "WITH a AS (SELECT store_id, count(*) AS n FROM promotions.promotions GROUP BY store_id), "
        "b AS (SELECT store_id, max(week) AS w FROM promotions.promotions WHERE product_id < {} GROUP BY store_id) "
        "SELECT a.store_id, n / w AS r, CASE WHEN n > 100 THEN 'x' ELSE 'y' END AS c FROM a JOIN b USING (store_id) "
        "LEFT JOIN promotions.promotions p ON p.store_id = a.store_id WHERE p.week = '1' ORDER BY r DESC LIMIT 5"
    ),
}


def main() -> None:
    """Print one line a figure."""
    settings = deployed("promotions")
    gateway = Gateway(settings)
    session = gateway.impersonate("analyst", "python")
    snapshot = gateway.pin().deployment.find("promotions")
    assert snapshot is not None
    with duckdb.connect(":memory:", config={"threads": default_threads()}) as raw:
        raw.execute(f"ATTACH '{snapshot.path}' AS p (READ_ONLY)")
        for subject, what, rows in itertools.product(SCANS, TEXTS, (8192, 65536)):
            text = TEXTS[what]
            plain = text.replace("promotions.promotions", f"({SCANS[subject]})")
            asker = gateway.impersonate(subject, "python")

            def governed(asker: Session = asker, text: str = text, rows: int = rows) -> int:
                with gateway.answer(asker, Query(text), batch_rows=rows) as result:
                    return sum(batch.num_rows for batch in result.batches())

            def ungoverned(plain: str = plain, rows: int = rows) -> int:
                return sum(batch.num_rows for batch in raw.cursor().sql(plain).to_arrow_reader(rows))

            assert governed() == ungoverned()
            ours, theirs, ratio = alternated(governed, ungoverned)
            print(f"scan, {what} as {subject}, batches of {rows}: {ours:.3f} s / {theirs:.3f} s = {ratio:.2f}")
        counter = itertools.count()
        bind = gateway._binder.bind
        resolve = partial(grants.resolve, session, gateway.pin(), "query")
        for name, text in QUERIES.items():

            def cold(text: str = text) -> object:
                return bind(Query(text.format(next(counter))), "analyst", (), resolve)

            def warm(text: str = text) -> object:
                return bind(Query(text.format(-1)), "analyst", (), resolve)

            def planned(text: str = text) -> object:
                named = text.format(next(counter)).replace("promotions.promotions", "p.core.promotions")
                return raw.execute(f"EXPLAIN {named}").fetchall()

            _, _, ratio = alternated(cold, planned, 31)
            print(f"bind, {name}: cold / DuckDB's planning = {ratio:.2f}, warm {median_s(warm, 301) * 1e6:.1f} us")
    gateway.close()


if __name__ == "__main__":
    main()

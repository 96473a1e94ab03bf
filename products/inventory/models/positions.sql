-- Generated: each Sunday night, what a store has of each product that it sells all year round: what was there at first, and
-- what came (see the product shipments), less what its tills sold. What was there at first is told with hindsight: just
-- enough that nothing ever sold that was not there, and up to two more. Since the last count sensors look every five minutes
-- and find what was counted.
WITH weekly AS (
    SELECT
        CAST(sold.store_id AS INTEGER) AS store_id,
        sold.product_id,
        CAST(made.manufacturer_id AS INTEGER) AS supplier_id,
        CAST(sold.week AS INTEGER) AS week,
        sum(sold.quantity) OVER (PARTITION BY sold.store_id, sold.product_id, sold.week) AS quantity
    FROM completejourney.transactions AS sold
    INNER JOIN completejourney.products AS made ON made.product_id = sold.product_id
    WHERE made.department NOT IN ('FUEL', 'MISCELLANEOUS')
    QUALIFY row_number() OVER (PARTITION BY sold.store_id, sold.product_id, sold.week) = 1
),
regular AS (
    SELECT * FROM weekly QUALIFY count(*) OVER (PARTITION BY store_id, product_id) >= 20
),
ordered AS (
    SELECT
        *,
        CAST(week AS BIGINT) * 1000000000 + store_id * 10000 + supplier_id AS order_id,
        ['Northline', 'Harbour', 'Quickway'][1 + store_id % 3] AS carrier,
        CAST(2 + md5_number_lower(supplier_id || ':lead') % 4 AS INTEGER) AS lead_days
    FROM regular
    WHERE quantity > 0 AND week < 53
),
drawn AS (
    SELECT
        *,
        TIMESTAMP '2017-01-03 00:00:00' + to_days(7 * (week - 1) + lead_days) AS promised_at,
        30 + md5_number_lower(supplier_id || ':late') % 90
        + CASE WHEN carrier = 'Harbour' AND week BETWEEN 36 AND 38 THEN 400 WHEN week >= 47 THEN 60 ELSE 0 END
        > md5_number_lower(order_id || ':late') % 1000 AS is_late,
        md5_number_lower(order_id || ':early') % 1000 < 80 AS is_early,
        CAST(md5_number_lower(order_id || ':days') % 3 AS INTEGER) AS late_days,
        CAST(md5_number_lower(order_id || ':minutes') % 1080 AS INTEGER) AS minutes,
        CASE
            WHEN md5_number_lower(order_id || ':' || product_id || ':short') % 1000
                < 15 + md5_number_lower(supplier_id || ':short') % 70
                THEN CAST(quantity * (md5_number_lower(order_id || ':' || product_id) % 90) // 100 AS INTEGER)
            ELSE CAST(quantity AS INTEGER)
        END AS first_quantity
    FROM ordered
),
arrivals AS (
    SELECT
        *,
        promised_at
        + to_days(CASE WHEN is_late THEN 1 + late_days WHEN is_early THEN -1 ELSE 0 END)
        - to_minutes(minutes) AS arrives_at
    FROM drawn
),
movements AS (
    SELECT store_id, product_id, supplier_id, week, 0 AS received, CAST(quantity AS INTEGER) AS sold, false AS counted
    FROM regular
    UNION ALL
    SELECT
        store_id, product_id, supplier_id,
        CAST(1 + ceil(date_diff('minute', TIMESTAMP '2017-01-01 23:50:00', arrives_at) / 10080.0) AS INTEGER),
        first_quantity, 0, false
    FROM arrivals
    UNION ALL
    SELECT
        store_id, product_id, supplier_id,
        CAST(2 + ceil(date_diff('minute', TIMESTAMP '2017-01-01 23:50:00', arrives_at) / 10080.0) AS INTEGER),
        CAST(quantity AS INTEGER) - first_quantity, 0, false
    FROM arrivals
    UNION ALL
    SELECT store_id, product_id, supplier_id, CAST(weeks.week AS INTEGER), 0, 0, true
    FROM (SELECT * FROM regular QUALIFY row_number() OVER (PARTITION BY store_id, product_id) = 1) AS pairs
    CROSS JOIN unnest(range(1, 54)) AS weeks(week)
),
balanced AS (
    SELECT
        store_id,
        product_id,
        supplier_id,
        week,
        counted,
        sum(received) OVER (PARTITION BY store_id, product_id, week) AS received,
        sum(sold) OVER (PARTITION BY store_id, product_id, week) AS sold,
        sum(received - sold) OVER (PARTITION BY store_id, product_id ORDER BY week) AS balance
    FROM movements
    WHERE week <= 53
)
SELECT
    store_id,
    product_id,
    supplier_id,
    week,
    TIMESTAMP '2017-01-01 23:50:00' + to_days(7 * (week - 1)) AS counted_at,
    CASE
        WHEN week = 53 THEN time_bucket(INTERVAL 5 MINUTE, $data_clock)
        ELSE TIMESTAMP '2017-01-01 23:50:00' + to_days(7 * (week - 1))
    END AS checked_at,
    CAST(received AS INTEGER) AS received,
    CAST(sold AS INTEGER) AS sold,
    CAST(
        balance + greatest(0, max(-balance) OVER (PARTITION BY store_id, product_id))
        + md5_number_lower(store_id || ':' || product_id) % 3 AS INTEGER
    ) AS on_hand
FROM balanced
QUALIFY counted

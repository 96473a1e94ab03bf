-- Generated: what arrives of each order (see the product orders), in one shipment, or in a second one a week later where the
-- first came short. Late, early and short are drawn by md5 from the numbers of supplier, order and product; Harbour's drivers
-- were on strike in weeks 36 to 38, and from week 47 on everybody is slower. What is drawn ends with the year; what is on its
-- way then says every five minutes where it is, and comes when its carrier pushes a scan that says so.
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
ordered AS (
    SELECT
        *,
        CAST(week AS BIGINT) * 1000000000 + store_id * 10000 + supplier_id AS order_id,
        ['Northline', 'Harbour', 'Quickway'][1 + store_id % 3] AS carrier,
        CAST(2 + md5_number_lower(supplier_id || ':lead') % 4 AS INTEGER) AS lead_days
    FROM (SELECT * FROM weekly QUALIFY count(*) OVER (PARTITION BY store_id, product_id) >= 20) AS regular
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
parts AS (
    SELECT order_id, product_id, supplier_id, store_id, carrier, 1 AS part, first_quantity AS quantity, arrives_at
    FROM arrivals
    UNION ALL
    SELECT
        order_id, product_id, supplier_id, store_id, carrier, 2, CAST(quantity AS INTEGER) - first_quantity,
        arrives_at + to_days(7)
    FROM arrivals
),
travelling AS (
    SELECT *, arrives_at - to_minutes(CAST(180 + md5_number_lower(order_id || ':way') % 1500 AS INTEGER)) AS shipped_at
    FROM parts
    WHERE quantity > 0
),
known AS (
    SELECT
        *,
        order_id * 10 + part AS shipment_id,
        CASE WHEN arrives_at <= TIMESTAMP '2018-01-01 00:00:00' THEN arrives_at END AS came_at
    FROM travelling
    WHERE shipped_at <= TIMESTAMP '2018-01-01 00:00:00'
)
SELECT
    known.shipment_id,
    known.product_id,
    known.order_id,
    CAST(known.part AS INTEGER) AS part,
    known.supplier_id,
    known.store_id,
    known.carrier,
    known.quantity,
    known.shipped_at,
    CASE WHEN seen.delivered THEN seen.scanned_at ELSE known.came_at END AS delivered_at,
    CASE
        WHEN known.came_at IS NULL AND seen.delivered IS NOT TRUE THEN time_bucket(INTERVAL 5 MINUTE, $data_clock)
        ELSE greatest(known.came_at, seen.scanned_at)
    END AS scanned_at
FROM known
LEFT JOIN scans.scans AS seen
    ON seen.shipment_id = known.shipment_id AND seen.carrier = known.carrier AND seen.scanned_at > known.shipped_at

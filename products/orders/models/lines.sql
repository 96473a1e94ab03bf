-- Generated: what a store sold of a product in a week, as its tills recorded it, is ordered again on the Monday after, from
-- the product's manufacturer. Only products that sell there in 20 weeks of the year or more; fuel comes by pipeline.
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
    SELECT *
    FROM weekly
    QUALIFY count(*) OVER (PARTITION BY store_id, product_id) >= 20
)
SELECT
    CAST(week AS BIGINT) * 1000000000 + store_id * 10000 + supplier_id AS order_id,
    product_id,
    supplier_id,
    store_id,
    ['Northline', 'Harbour', 'Quickway'][1 + store_id % 3] AS carrier,
    week,
    CAST(quantity AS INTEGER) AS quantity,
    TIMESTAMP '2017-01-02 06:00:00' + to_days(7 * (week - 1)) AS ordered_at,
    TIMESTAMP '2017-01-03 00:00:00'
    + to_days(7 * (week - 1) + CAST(2 + md5_number_lower(supplier_id || ':lead') % 4 AS INTEGER)) AS promised_at
FROM regular
WHERE quantity > 0 AND week < 53

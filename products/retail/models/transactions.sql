-- Money becomes DECIMAL value by value: sums of the source's doubles differ in the last digits from query to query.
SELECT
    household_id,
    CAST(store_id AS INTEGER) AS store_id,
    basket_id,
    product_id,
    CAST(quantity AS INTEGER) AS quantity,
    CAST(sales_value AS DECIMAL(18, 2)) AS sales_value,
    CAST(retail_disc AS DECIMAL(18, 2)) AS retail_disc,
    CAST(coupon_disc AS DECIMAL(18, 2)) AS coupon_disc,
    CAST(coupon_match_disc AS DECIMAL(18, 2)) AS coupon_match_disc,
    CAST(week AS INTEGER) AS week,
    transaction_timestamp
FROM completejourney.transactions

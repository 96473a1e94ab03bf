-- Each line of a receipt with what it is asked by. Both joins meet one row at most, so no line repeats; lines of products
-- that the catalog does not know stay, without department and brand: dropping them would lose revenue.
SELECT
    lines.basket_id,
    lines.product_id,
    lines.household_id,
    customers.segment,
    customers.age,
    lines.store_id,
    products.department,
    products.brand,
    lines.week,
    lines.transaction_timestamp AS sold_at,
    lines.sales_value,
    lines.retail_disc,
    lines.coupon_disc,
    lines.coupon_match_disc
FROM retail.transactions AS lines
INNER JOIN customer_360.customers AS customers ON customers.household_id = lines.household_id
LEFT JOIN retail.products AS products ON products.product_id = lines.product_id

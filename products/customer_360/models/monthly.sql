SELECT
    household_id,
    CAST(date_trunc('month', transaction_timestamp) AS DATE) AS month,
    CAST(count(DISTINCT basket_id) AS INTEGER) AS visits,
    CAST(sum(quantity) AS BIGINT) AS units,
    CAST(sum(sales_value) AS DECIMAL(18, 2)) AS spend
FROM retail.transactions
GROUP BY household_id, CAST(date_trunc('month', transaction_timestamp) AS DATE)

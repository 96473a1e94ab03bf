-- Each count of a product in a store, with the department that it stands in.
SELECT
    counts.store_id,
    counts.product_id,
    counts.week,
    counts.supplier_id,
    made.department,
    counts.counted_at,
    counts.checked_at,
    counts.received,
    counts.sold,
    counts.on_hand
FROM inventory.positions AS counts
LEFT JOIN retail.products AS made ON made.product_id = counts.product_id

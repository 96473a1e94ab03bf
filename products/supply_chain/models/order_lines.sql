-- Each line of an order that was due by the data clock, with what came of it at first and when. A line whose first shipment
-- left it out stays, with nothing delivered: leaving it out would flatter every rate.
SELECT
    lines.order_id,
    lines.product_id,
    lines.supplier_id,
    lines.store_id,
    lines.carrier,
    made.department,
    agreed.lead_days,
    lines.ordered_at,
    lines.promised_at,
    came.delivered_at,
    lines.quantity AS ordered_quantity,
    CASE WHEN came.delivered_at IS NULL THEN 0 ELSE came.quantity END AS delivered_quantity
FROM orders.lines AS lines
INNER JOIN suppliers.suppliers AS agreed ON agreed.supplier_id = lines.supplier_id
LEFT JOIN retail.products AS made ON made.product_id = lines.product_id
LEFT JOIN shipments.deliveries AS came
    ON came.order_id = lines.order_id AND came.product_id = lines.product_id AND came.part = 1
WHERE lines.promised_at <= $data_clock

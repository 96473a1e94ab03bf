SELECT
    product_id,
    CAST(manufacturer_id AS INTEGER) AS manufacturer_id,
    department,
    brand,
    product_category,
    product_type,
    package_size
FROM completejourney.products

-- Generated: each manufacturer of the catalog as a supplier. Who they are is the catalog's; names, contacts and terms are
-- drawn from the number by md5, the same on every machine and in every version of the engine.
WITH makers AS (
    SELECT
        CAST(manufacturer_id AS INTEGER) AS supplier_id,
        department AS category,
        count(*) OVER (PARTITION BY manufacturer_id) AS products,
        count(*) OVER (PARTITION BY manufacturer_id, department) AS products_there
    FROM completejourney.products
    WHERE department NOT IN ('FUEL', 'MISCELLANEOUS')
)
SELECT
    supplier_id,
    'Supplier ' || lpad(CAST(supplier_id AS VARCHAR), 4, '0') AS name,
    CASE WHEN products >= 500 THEN 'strategic' WHEN products >= 50 THEN 'preferred' ELSE 'approved' END AS tier,
    category,
    CAST(products AS INTEGER) AS products,
    CAST(2 + md5_number_lower(supplier_id || ':lead') % 4 AS INTEGER) AS lead_days,
    'orders.' || supplier_id || '@example.com' AS contact_email
FROM makers
QUALIFY row_number() OVER (PARTITION BY supplier_id ORDER BY products_there DESC, category) = 1

-- name: types
select b.oid, b.typarray
from pg_catalog.pg_type a
left join pg_catalog.pg_type b on b.oid = a.typelem
where a.typcategory = 'A'
group by b.oid, b.typarray
order by b.oid;

-- name: types-2
-- parameters: ["{1,2}"]
SELECT 1 AS a, $1::int[] AS b;

-- name: types-3
-- parameters: ["1"]
SELECT count(*)
FROM customer_360.monthly
WHERE household_id = $1;

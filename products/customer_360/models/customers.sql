-- One row per household. Names and contact data are synthetic: arithmetic on household_id, the same on every machine.
WITH baskets AS (
    SELECT
        household_id,
        store_id,
        count(DISTINCT basket_id) AS visits
    FROM retail.transactions
    GROUP BY household_id, store_id
),
homes AS (
    SELECT household_id, store_id AS home_store
    FROM baskets
    QUALIFY row_number() OVER (PARTITION BY household_id ORDER BY visits DESC, store_id) = 1
),
purchases AS (
    SELECT
        household_id,
        min(transaction_timestamp) AS first_purchase,
        max(transaction_timestamp) AS last_purchase,
        sum(sales_value) AS lifetime_value
    FROM retail.transactions
    GROUP BY household_id
),
named AS (
    SELECT
        household_id,
        [
            'Ada', 'Amir', 'Anna', 'Ben', 'Chen', 'Clara', 'Daniel', 'Elena', 'Emil', 'Fatima', 'Felix', 'Grace',
            'Hana', 'Hugo', 'Ines', 'Ivan', 'Jonas', 'Julia', 'Kofi', 'Lena', 'Leo', 'Lucia', 'Marco', 'Maria', 'Mila',
            'Nadia', 'Noah', 'Olga', 'Omar', 'Paula', 'Pedro', 'Rosa', 'Samir', 'Sofia', 'Tariq', 'Tessa', 'Uma'
        ][1 + household_id % 37] AS first_name,
        [
            'Abbott', 'Alvarez', 'Bauer', 'Becker', 'Castro', 'Cohen', 'Diaz', 'Dubois', 'Eriksen', 'Fischer', 'Garcia',
            'Haddad', 'Hansen', 'Ito', 'Ivanova', 'Jensen', 'Kim', 'Kowalski', 'Larsen', 'Lopez', 'Martin', 'Meyer',
            'Moreau', 'Novak', 'Okafor', 'Olsen', 'Patel', 'Petrov', 'Quinn', 'Rossi', 'Santos', 'Schmidt', 'Silva',
            'Tanaka', 'Turner', 'Urban', 'Vogel', 'Wagner', 'Weber', 'Young', 'Zhang'
        ][1 + household_id * 7 % 41] AS last_name
    FROM retail.households
)
SELECT
    households.household_id,
    named.first_name || ' ' || named.last_name AS full_name,
    lower(named.first_name || '.' || named.last_name) || households.household_id || '@example.com' AS email,
    '+1-555-' || lpad(CAST(households.household_id AS VARCHAR), 7, '0') AS phone,
    DATE '1936-01-01' + CAST(households.household_id * 7919 % 23741 AS INTEGER) AS birth_date,
    households.age,
    households.income,
    households.home_ownership,
    households.marital_status,
    households.household_size,
    households.household_comp,
    households.kids_count,
    homes.home_store,
    purchases.first_purchase,
    purchases.last_purchase,
    coalesce(purchases.last_purchase >= $data_clock - INTERVAL 90 DAY, false) AS active,
    CAST(coalesce(purchases.lifetime_value, 0) AS DECIMAL(18, 2)) AS lifetime_value,
    ['platinum', 'gold', 'silver', 'bronze'][
        ntile(4) OVER (ORDER BY coalesce(purchases.lifetime_value, 0) DESC, households.household_id)
    ] AS segment
FROM retail.households AS households
INNER JOIN named ON named.household_id = households.household_id
LEFT JOIN homes ON homes.household_id = households.household_id
LEFT JOIN purchases ON purchases.household_id = households.household_id

-- Every household that has bought or answered; only 801 of 2,469 have answered.
WITH seen AS (
    SELECT household_id FROM completejourney.transactions
    UNION
    SELECT household_id FROM completejourney.demographics
)
SELECT
    seen.household_id,
    known.age,
    known.income,
    known.home_ownership,
    known.marital_status,
    known.household_size,
    known.household_comp,
    known.kids_count
FROM seen
LEFT JOIN completejourney.demographics AS known ON known.household_id = seen.household_id

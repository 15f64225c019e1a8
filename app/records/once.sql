-- Each row once: one whose answer was lost is sent again, the same in all columns. The time is part of the key so that
-- a query for some days reads their partitions alone.
SELECT *
FROM `${table}`
WHERE TRUE
QUALIFY ROW_NUMBER() OVER (PARTITION BY ${key}, created_at) = 1

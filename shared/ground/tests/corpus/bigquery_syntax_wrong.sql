--- Column statu
SELECT statu FROM `acme-prod-1.shop.orders`
--- Field geo.zip
SELECT geo.zip FROM `acme-prod-1.analytics_987.events_*`
--- Column a
SELECT a-b FROM `acme-prod-1.shop.orders`
--- Table acme-prod-1.shop.order
SELECT * FROM `acme-prod-1.shop.order`
--- Table acme-prod-1.Shop.orders
SELECT id FROM `acme-prod-1.Shop.orders`
--- Column _TABLE_SUFFIX
SELECT id FROM `acme-prod-1.shop.orders` WHERE _TABLE_SUFFIX = '1'
--- Column _PARTITIONTIME
SELECT `hash` FROM `acme-prod-1.crypto.transactions` WHERE _PARTITIONTIME > '2024-01-01'
--- Column block_timestamp
SELECT from_address FROM `acme-prod-1.crypto.transactions`
--- Column old_a
SELECT old_a FROM `acme-prod-1.shop.sales_*`
--- Column old_a
SELECT old_a FROM `acme-prod-1.shop.sales_2024`
--- Name acme-prod-1
SELECT * FROM 'acme-prod-1.shop.orders'
--- Name acme-prod-1
SELECT "id" FROM "acme-prod-1.shop.orders"
--- Name hash
SELECT hash FROM `acme-prod-1.crypto.transactions` WHERE block_timestamp > '2024-01-01'
--- Syntax 1st
SELECT 1st FROM `acme-prod-1.shop.orders`
--- Column email
SELECT 1 FROM `acme-prod-1.shop.orders` JOIN `acme-prod-1.shop.customers` USING (email)
--- Ambiguous id
SELECT id FROM `acme-prod-1.shop.orders` o, `acme-prod-1.shop.customers` c
--- NotReadOnly
SELECT 1; DROP TABLE `acme-prod-1.shop.orders`
--- Repeated status
SELECT x FROM `acme-prod-1.shop.orders`, UNNEST(status) x
--- Field status.a
SELECT status.a FROM `acme-prod-1.shop.orders`
--- Column ip.k
SELECT ip.k FROM `acme-prod-1.analytics_987.events_20240102` e, e.items i, i.item_params ip
--- Column d
SELECT total * 2 AS d FROM `acme-prod-1.shop.orders` WHERE d > 1
--- Table acme-prod-1.shop.nothing_*
SELECT 1 FROM `acme-prod-1.shop.nothing_*`
--- Column totl
FROM `acme-prod-1.shop.orders` |> WHERE totl > 1
--- Column total
FROM `acme-prod-1.shop.orders` |> DROP total |> SELECT total
--- Column total
FROM `acme-prod-1.shop.orders` |> SELECT id |> WHERE total > 1
--- Column total
FROM `acme-prod-1.shop.orders` |> RENAME total AS amount |> SELECT total
--- Column id
FROM `acme-prod-1.shop.orders` |> AGGREGATE COUNT(*) AS n GROUP BY status |> SELECT id
--- Column totl
FROM `acme-prod-1.shop.orders` |> SET totl = 1
--- Column totl
FROM `acme-prod-1.shop.orders` |> DROP totl
--- Column o.id
FROM `acme-prod-1.shop.orders` AS o |> SELECT id |> WHERE o.id > 1
--- Table acme-prod-1.shop.nope
FROM `acme-prod-1.shop.orders` |> JOIN `acme-prod-1.shop.nope` USING (id)
--- Table acme-prod-1.hr.people
FROM `acme-prod-1.hr.people`
--- Column union
SELECT 1 AS a |> UNION ALL (SELECT 1, 2)
--- Function hr.leak
FROM `acme-prod-1.shop.orders` |> CALL hr.leak()
--- Syntax
FROM `acme-prod-1.shop.orders` |> INSERT INTO `acme-prod-1.shop.x`
--- Name select
SELECT id AS select FROM `acme-prod-1.shop.orders`
--- Name group
SELECT group FROM `acme-prod-1.shop.orders`
--- Name window
SELECT window.id FROM `acme-prod-1.shop.orders` AS window
--- Name hash
WITH hash AS (SELECT 1 AS x) SELECT x FROM hash
--- Name hash
SELECT from_address FROM `acme-prod-1.crypto.transactions` WHERE hash = 'x' AND block_timestamp > '2024-01-01'
--- Name acme-prod-1
SELECT id FROM 'acme-prod-1'.shop.orders
--- Name my id
SELECT id AS 'my id' FROM `acme-prod-1.shop.orders`
--- Name my id
SELECT id "my id" FROM `acme-prod-1.shop.orders`
--- Column o.2nd
SELECT o.2nd FROM `acme-prod-1.shop.orders` o
--- Syntax 1st
SELECT id AS 1st FROM `acme-prod-1.shop.orders`
--- Field l.nope
SELECT ARRAY_FILTER(lines, l -> l.nope > 1) FROM `acme-prod-1.shop.orders`
--- Column t
SELECT ARRAY_TRANSFORM(tags, t -> t), t FROM `acme-prod-1.shop.orders`
--- Column s.z
SELECT s.z FROM UNNEST(ARRAY<STRUCT<x INT64>>[(1)]) AS s
--- Table acme-prod-1.hr.people
SELECT * FROM GAP_FILL(TABLE `acme-prod-1.hr.people`, ts_column => 'x', bucket_width => INTERVAL 1 DAY)
--- Column nope
SELECT nope FROM APPENDS(TABLE `acme-prod-1.shop.orders`, NULL, NULL)
--- Table acme-prod-1.hr.m
SELECT * FROM ML.PREDICT(MODEL `acme-prod-1.hr.m`, (SELECT 1 AS x))
--- Function ML.GENERATE_TEXT
SELECT * FROM ML.GENERATE_TEXT(MODEL `acme-prod-1.shop.m`, (SELECT 'x' AS prompt))
--- Function EXTERNAL_QUERY
SELECT * FROM EXTERNAL_QUERY('c', 'select 1')
--- Column union
SELECT 1 AS a UNION ALL BY NAME SELECT 2 AS b
--- Column pos
SELECT pos FROM `acme-prod-1.shop.orders` o, o.lines l WITH OFFSET AS p
--- Repeated o.status
SELECT 1 FROM `acme-prod-1.shop.orders` o, o.status s WITH OFFSET
--- Table acme-prod-2.shop.orders
SELECT id FROM acme-prod-2.shop.orders
--- Shard acme-gh.day.20250101
SELECT type FROM acme-gh.day.20250101
--- Shard acme-gh.day.20240199
SELECT type FROM acme-gh.day.20240199
--- Column t.hashh
SELECT t.hashh FROM `acme-prod-1.crypto.transactions` t WHERE t.block_timestamp > '2024-01-01'
--- Column block_timestamp
WITH t AS (SELECT value FROM `acme-prod-1.crypto.transactions`) SELECT SUM(value) FROM t
--- Column block_timestamp
FROM `acme-prod-1.crypto.transactions` |> AGGREGATE SUM(value)
--- Column block_timestamp
SELECT value FROM `acme-prod-1.crypto.transactions` WHERE from_address = 'x'
--- Unsupported cast by ::
SELECT id::STRING FROM `acme-prod-1.shop.orders`
--- Unsupported ilike
SELECT id FROM `acme-prod-1.shop.orders` WHERE status ILIKE 'a'
--- Unsupported distinct on
SELECT DISTINCT ON (status) status FROM `acme-prod-1.shop.orders`
--- Unsupported % (write mod(a, b))
SELECT id % 2 FROM `acme-prod-1.shop.orders`
--- Syntax
SELECT COUNT(*) FILTER (WHERE id > 1) FROM `acme-prod-1.shop.orders`
--- Type VARCHAR
SELECT CAST(id AS VARCHAR) FROM `acme-prod-1.shop.orders`
--- Function ROW_NUMBER
SELECT id FROM `acme-prod-1.shop.orders` WHERE ROW_NUMBER() OVER (ORDER BY id) = 1
--- Name FORTNIGHT
SELECT DATE_TRUNC(order_date, FORTNIGHT) FROM `acme-prod-1.shop.orders`
--- Function DATEDIFF
SELECT DATEDIFF(order_date, order_date) FROM `acme-prod-1.shop.orders`
--- Function DATEADD
SELECT DATEADD(DAY, 1, order_date) FROM `acme-prod-1.shop.orders`
--- Repeated lines.sku
SELECT lines.sku FROM `acme-prod-1.shop.orders`
--- Field group.start
SELECT `group`.start FROM `acme-prod-1.shop.orders`
--- Column name
SELECT 1 FROM `acme-prod-1.shop.orders` JOIN `acme-prod-1.shop.customers` USING (name)
--- Unsupported lateral
SELECT 1 FROM `acme-prod-1.shop.orders` o, LATERAL (SELECT o.id) x
--- Table acme-prod-1.shop.INFORMATION_SCHEMA.COLUMNS
SELECT * FROM `acme-prod-1.shop.INFORMATION_SCHEMA.COLUMNS`
--- Table region-us.INFORMATION_SCHEMA.JOBS
SELECT * FROM `region-us`.INFORMATION_SCHEMA.JOBS
--- Table acme-prod-1.shop.__TABLES__
SELECT * FROM `acme-prod-1.shop.__TABLES__`
--- Function SESSION_USER
SELECT SESSION_USER()
--- NotReadOnly
DECLARE x INT64; SELECT x
--- NotReadOnly
CREATE TEMP TABLE x AS SELECT 1
--- Ambiguous a
SELECT 1 FROM `acme-prod-1.shop.orders` a, `acme-prod-1.shop.customers` a
--- Field status
SELECT status[OFFSET(0)] FROM `acme-prod-1.shop.orders`
--- Column rn
SELECT id FROM `acme-prod-1.shop.orders` QUALIFY rn = 1
--- Column nope
SELECT * EXCEPT (nope) FROM `acme-prod-1.shop.orders`
--- Name orders
SELECT * FROM "orders"

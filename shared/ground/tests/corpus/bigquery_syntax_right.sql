--- shop.orders
SELECT status, RANK() OVER (PARTITION BY status ORDER BY total DESC) AS rank FROM `acme-prod-1.shop.orders` WHERE status = 'x' QUALIFY rank <= 3
--- shop.orders
SELECT id FROM acme-prod-1.shop.orders
--- shop.ext
SELECT a FROM acme-prod-1.shop.ext
---
SELECT * FROM UNNEST([1]) WITH OFFSET EXCEPT DISTINCT SELECT * FROM UNNEST([2]) WITH OFFSET
---
SELECT id, name FROM UNNEST([1, 2]) id WITH OFFSET pos1, UNNEST(['a', 'b']) name WITH OFFSET pos2 WHERE pos1 = pos2
---
SELECT s.x, s FROM UNNEST(ARRAY<STRUCT<x INT64, y STRING>>[(1, 'foo'), (3, 'bar')]) AS s
--- shop.orders
FROM `acme-prod-1.shop.orders` |> WHERE status = 'x' |> AGGREGATE COUNT(*) AS n GROUP BY status
--- shop.orders
SELECT status FROM `acme-prod-1.shop.orders` |> DISTINCT
--- shop.orders
SELECT id, status, FROM `acme-prod-1.shop.orders`
---
SELECT AS VALUE STRUCT(1 AS a, 2 AS b)
--- shop.orders
SELECT status, GROUPING(status) g, COUNT(*) FROM `acme-prod-1.shop.orders` GROUP BY CUBE(status)
--- shop.orders
SELECT id FROM `acme-prod-1.shop.orders` WHERE status LIKE ANY ('a%', 'b%') AND status NOT LIKE ALL ('x%')
--- shop.orders
SELECT id FROM `acme-prod-1.shop.orders` WHERE status IS NOT DISTINCT FROM 'x' AND status NOT IN UNNEST(tags)
--- shop.orders
SELECT INTERVAL '1-2' YEAR TO MONTH, INTERVAL -1 DAY, MAKE_INTERVAL(1, 6, 15), dur * 2, EXTRACT(HOUR FROM dur), JUSTIFY_HOURS(dur) FROM `acme-prod-1.shop.orders`
---
SELECT RANGE<DATE> '[2020-01-01, 2020-12-31)' AS r
---
SELECT r FROM UNNEST(GENERATE_RANGE_ARRAY(RANGE(DATE '2024-01-01', DATE '2024-02-01'), INTERVAL 1 DAY)) AS r
--- shop.orders
SELECT PERCENTILE_CONT(total, 0.5) OVER (PARTITION BY status), FIRST_VALUE(status IGNORE NULLS) OVER (ORDER BY ts ROWS BETWEEN UNBOUNDED PRECEDING AND CURRENT ROW) FROM `acme-prod-1.shop.orders`
--- shop.orders
SELECT HLL_COUNT.EXTRACT(HLL_COUNT.INIT(id)) FROM `acme-prod-1.shop.orders`
--- shop.orders
SELECT EXTRACT(DATE FROM ts AT TIME ZONE 'Asia/Seoul'), EXTRACT(HOUR FROM ts AT TIME ZONE 'UTC'), TIMESTAMP_TRUNC(ts, DAY, 'Asia/Seoul'), DATE(ts, 'Asia/Seoul'), FORMAT_TIMESTAMP('%F', ts, 'UTC') FROM `acme-prod-1.shop.orders`
--- shop.orders
SELECT CAST(order_date AS STRING FORMAT 'YYYY-MM'), CAST('2024' AS DATE FORMAT 'YYYY') FROM `acme-prod-1.shop.orders`
--- shop.orders
SELECT order_date + 1, order_date - INTERVAL 1 MONTH, DATE_DIFF(CURRENT_DATE('Asia/Seoul'), order_date, WEEK(MONDAY)), LAST_DAY(order_date, QUARTER) FROM `acme-prod-1.shop.orders`
--- shop.customers, shop.orders
SELECT id FROM `acme-prod-1.shop.orders` UNION ALL BY NAME SELECT id FROM `acme-prod-1.shop.customers`
--- shop.customers, shop.orders
SELECT id FROM `acme-prod-1.shop.orders` UNION ALL CORRESPONDING SELECT id FROM `acme-prod-1.shop.customers`
--- shop.orders
SELECT payload.a.b, payload['x'][0], JSON_VALUE(payload, '$.a'), LAX_STRING(payload.a), STRING(payload.a), JSON_QUERY_ARRAY(payload, '$.z'), PARSE_JSON('{"a":1}').a FROM `acme-prod-1.shop.orders`
--- shop.orders
SELECT `customer id`, `select`, `매출`, `a-b`, `1st`, `group`.`order`, o.group.`end`, o.select FROM `acme-prod-1.shop.orders` o
--- shop.orders
SELECT SUM(`매출`) AS `총 매출` FROM `acme-prod-1.shop.orders` ORDER BY `총 매출`
--- shop.order-items 2024
SELECT a FROM `acme-prod-1`.shop.`order-items 2024` AS x WHERE x.a = ''
--- com:legacy-proj.ds.tbl
SELECT a FROM `example.com:legacy-proj.ds.tbl`
--- analytics_987.events_*
SELECT (SELECT ep.value.string_value FROM UNNEST(event_params) ep WHERE ep.key = 'page_location') AS page, COUNT(*) FROM `acme-prod-1.analytics_987.events_*` WHERE _TABLE_SUFFIX BETWEEN '20240101' AND FORMAT_DATE('%Y%m%d', CURRENT_DATE()) GROUP BY page
--- analytics_987.events_*
SELECT ip.key FROM `acme-prod-1.analytics_987.events_20240102` e, e.items i, i.item_params ip WHERE 'page' IN (SELECT key FROM UNNEST(e.event_params))
--- analytics_987.events_*
SELECT COUNT(*) FROM `acme-prod-1.analytics_987.*` WHERE STARTS_WITH(_TABLE_SUFFIX, 'events_2024')
--- day.*
SELECT type, COUNT(*) FROM `acme-gh.day.2024*` WHERE _TABLE_SUFFIX BETWEEN '0101' AND '0103' GROUP BY type
--- day.*
SELECT repo.name, JSON_VALUE(payload, '$.action') FROM acme-gh.day.`20240101`
--- day.*
SELECT type FROM acme-gh.day.20240101
--- audit.cloudaudit_googleapis_com_activity_*, audit.cloudaudit_googleapis_com_data_access_*
SELECT protopayload_auditlog.methodName FROM `acme-prod-1.audit.cloudaudit_googleapis_com_*` WHERE timestamp > TIMESTAMP('2024-01-01')
--- billing.gcp_billing_export_v1_01A2B3_C4D5E6_F70819
SELECT service.description, SUM(cost) + SUM(IFNULL((SELECT SUM(c.amount) FROM UNNEST(credits) c), 0)) AS net, (SELECT value FROM UNNEST(labels) WHERE key = 'env') AS env FROM `acme-prod-1.billing.gcp_billing_export_v1_01A2B3_C4D5E6_F70819` WHERE DATE(_PARTITIONTIME) >= '2024-01-01' AND invoice.month = '202401' GROUP BY 1, 3 ORDER BY net DESC
--- crypto.transactions
SELECT from_address, SUM(value / POW(10, 18)) FROM `acme-prod-1.crypto.transactions` WHERE block_timestamp >= TIMESTAMP '2024-01-01 00:00:00+09' AND `hash` = '0x' GROUP BY 1
--- crypto.transactions
SELECT t.hash FROM `acme-prod-1.crypto.transactions` t WHERE DATE(t.block_timestamp) = '2024-01-01'
---
SELECT 0xFF, 1e3, .5, 1_000
--- shop.orders
SELECT REGEXP_CONTAINS(status, r'^\d+\.x$'), REGEXP_EXTRACT(status, r"a(b)"), 'it\'s', "say \"x\"", '''multi''', b'\x00' FROM `acme-prod-1.shop.orders`
--- shop.sales_2023, shop.sales_2024
SELECT new_a FROM `acme-prod-1.shop.sales_*` WHERE _TABLE_SUFFIX = '2024'
--- shop.ext
SELECT a, _FILE_NAME FROM `acme-prod-1.shop.ext`
--- shop.orders
SELECT * FROM (SELECT status, order_date, total FROM `acme-prod-1.shop.orders`) PIVOT (SUM(total) FOR status IN ('a' AS a, 'b' AS b))
--- shop.orders
SELECT * FROM (SELECT id, 1 AS q1, 2 AS q2 FROM `acme-prod-1.shop.orders`) UNPIVOT INCLUDE NULLS (v FOR q IN (q1 AS 'one', q2 AS 'two'))
--- shop.customers, shop.orders
(SELECT id FROM `acme-prod-1.shop.orders`) UNION DISTINCT (SELECT id FROM `acme-prod-1.shop.customers`) ORDER BY id LIMIT 10 OFFSET 5
--- shop.customers, shop.orders
SELECT o.* EXCEPT (lines, tags) REPLACE (UPPER(status) AS status), c.* EXCEPT (id) FROM `acme-prod-1.shop.orders` o JOIN `acme-prod-1.shop.customers` c ON c.id = o.`customer id`
--- shop.orders
SELECT ARRAY(SELECT AS STRUCT l.sku, SUM(l.qty) q FROM UNNEST(lines) l GROUP BY 1) AS x FROM `acme-prod-1.shop.orders`
--- shop.orders
SELECT ARRAY_CONCAT(tags, ['x']), GENERATE_UUID(), FARM_FINGERPRINT(status), TO_HEX(MD5(status)), SAFE_CONVERT_BYTES_TO_STRING(raw) FROM `acme-prod-1.shop.orders`
--- shop.orders
SELECT ARRAY_FILTER(tags, e -> e LIKE 'x%'), ARRAY_TRANSFORM(tags, e -> UPPER(e)) FROM `acme-prod-1.shop.orders`
--- shop.orders
SELECT status, COUNT(*) AS n FROM `acme-prod-1.shop.orders` GROUP BY ALL HAVING n > 1
--- shop.orders
SELECT SUM(total) OVER w FROM `acme-prod-1.shop.orders` WINDOW w AS (PARTITION BY status ORDER BY ts RANGE BETWEEN INTERVAL 1 DAY PRECEDING AND CURRENT ROW)
--- shop.orders
SELECT APPROX_QUANTILES(total, 4)[OFFSET(2)], APPROX_TOP_COUNT(status, 3), APPROX_TOP_SUM(status, total, 3), LOGICAL_OR(total > 1), CORR(total, id), STDDEV(total) FROM `acme-prod-1.shop.orders`
--- shop.orders
SELECT CASE status WHEN 'a' THEN 1 ELSE 0 END, IF(total > 1, 'x', NULL), COALESCE(status, ''), NULLIF(status, ''), SAFE_DIVIDE(total, 0), SAFE_CAST(status AS INT64), IEEE_DIVIDE(1, 0), GREATEST(1, 2) FROM `acme-prod-1.shop.orders`
--- shop.orders
SELECT * FROM GAP_FILL(TABLE `acme-prod-1.shop.orders`, ts_column => 'created_at', bucket_width => INTERVAL 1 DAY)
--- shop.orders
SELECT * FROM ML.PREDICT(MODEL `acme-prod-1.shop.m`, (SELECT id FROM `acme-prod-1.shop.orders`))
--- shop.orders
SELECT COLLATE(status, 'und:ci') AS s FROM `acme-prod-1.shop.orders` ORDER BY s
---
SELECT DATE '2024-01-01', DATETIME "2024-01-01 00:00:00", TIME '10:00:00', TIMESTAMP '2024-01-01', NUMERIC '1.5', BIGNUMERIC '2', JSON '{"a":1}'
---
SELECT STRUCT<a INT64, b STRING>(1, 'x').a, (1, 2), STRUCT(1 AS x).x
--- shop.orders
SELECT orders.status FROM `acme-prod-1.shop.orders` WHERE orders.id > 0
--- shop.orders
SELECT shop.orders.status FROM `acme-prod-1.shop.orders`
--- shop.orders
SELECT id # hash comment
, status -- dash
/* block */ FROM `acme-prod-1.shop.orders`;
--- shop.customers, shop.orders
SELECT o.id FROM (`acme-prod-1.shop.orders` o CROSS JOIN `acme-prod-1.shop.customers` c)
--- shop.orders
SELECT NET.REG_DOMAIN('http://a.b'), NET.IP_FROM_STRING('1.1.1.1'), SOUNDEX('a'), EDIT_DISTANCE('a','b'), INITCAP('a'), NORMALIZE('a'), CONTAINS_SUBSTR(o, 'x') FROM `acme-prod-1.shop.orders` o
--- shop.orders
SELECT 1 & 2 | 3 ^ 4 << 1, ~5, BIT_COUNT(3), DIV(5, 2), MOD(5, 2), 5 / 2, 'a' || 'b' FROM `acme-prod-1.shop.orders`
--- shop.orders
FROM `acme-prod-1.shop.orders` |> EXTEND total * 2 AS twice |> WHERE twice > 10 |> SELECT id, twice
--- shop.orders
FROM acme-prod-1.shop.orders |> SET status = UPPER(status) |> DROP tags, lines |> RENAME total AS amount |> SELECT id, amount, status
--- shop.customers, shop.orders
FROM `acme-prod-1.shop.orders` AS o |> JOIN `acme-prod-1.shop.customers` AS c ON o.`customer id` = c.id |> SELECT o.id, c.name
--- shop.customers, shop.orders
FROM `acme-prod-1.shop.orders` |> LEFT JOIN `acme-prod-1.shop.customers` USING (id) |> SELECT id, name
--- shop.orders
FROM `acme-prod-1.shop.orders` |> AGGREGATE SUM(total) AS revenue, COUNT(*) AS n GROUP AND ORDER BY status DESC
--- shop.orders
FROM `acme-prod-1.shop.orders` |> AGGREGATE COUNT(*), MAX(total) AS m |> SELECT m
--- shop.orders
FROM `acme-prod-1.shop.orders` |> AGGREGATE COUNT(*) AS n GROUP BY DATE_TRUNC(order_date, MONTH) AS month |> ORDER BY month |> LIMIT 10 OFFSET 5
--- shop.customers, shop.orders
FROM `acme-prod-1.shop.orders` |> SELECT id |> UNION ALL (SELECT id FROM `acme-prod-1.shop.customers`), (SELECT 1) |> AGGREGATE COUNT(*) AS n
---
SELECT 1 AS one |> UNION ALL BY NAME (SELECT 2 AS one)
--- shop.customers, shop.orders
SELECT id FROM `acme-prod-1.shop.orders` |> EXCEPT DISTINCT (SELECT id FROM `acme-prod-1.shop.customers`)
--- shop.orders
FROM `acme-prod-1.shop.orders` |> EXTEND RANK() OVER (PARTITION BY status ORDER BY total DESC) AS r |> WHERE r <= 3
--- shop.orders
FROM `acme-prod-1.shop.orders` |> SELECT DISTINCT status
--- shop.orders
FROM `acme-prod-1.shop.orders` |> TABLESAMPLE SYSTEM (1 PERCENT)
--- shop.orders
FROM `acme-prod-1.shop.orders` |> SELECT status, total, order_date |> PIVOT (SUM(total) FOR status IN ('a' AS a, 'b' AS b)) |> SELECT a, b
---
SELECT 1 AS id, 2 AS q1, 3 AS q2 |> UNPIVOT (v FOR q IN (q1, q2)) |> SELECT id, q, v
--- shop.orders
FROM `acme-prod-1.shop.orders` |> ASSERT total >= 0, 'negative', total |> SELECT id
--- shop.orders
FROM `acme-prod-1.shop.orders` |> SELECT id, total |> AS t |> WHERE t.total > 1
--- shop.customers, shop.orders
SELECT id FROM `acme-prod-1.shop.customers` WHERE id IN (FROM `acme-prod-1.shop.orders` |> SELECT `customer id`)
--- shop.orders
SELECT t.n FROM (FROM `acme-prod-1.shop.orders` |> AGGREGATE COUNT(*) AS n) AS t
--- shop.orders
WITH o AS (FROM `acme-prod-1.shop.orders` |> WHERE total > 1) FROM o |> SELECT id
--- shop.orders
FROM `acme-prod-1.shop.orders` |> AGGREGATE COUNT(*) AS n, GROUP BY status, |> SELECT status, n,
--- shop.orders
FROM `acme-prod-1.shop.orders`
--- shop.orders
FROM `acme-prod-1.shop.orders` AS o, UNNEST(o.lines) AS l |> AGGREGATE SUM(l.qty) AS q GROUP BY l.sku
--- shop.orders
FROM `acme-prod-1.shop.orders` |> CROSS JOIN UNNEST(tags) AS tag |> SELECT tag
--- shop.orders
SELECT l.sku, pos FROM `acme-prod-1.shop.orders` AS o, o.lines AS l WITH OFFSET AS pos
--- shop.orders
SELECT l.sku, offset FROM `acme-prod-1.shop.orders` o CROSS JOIN o.lines l WITH OFFSET WHERE offset = 0
---
SELECT ARRAY<INT64>[], ARRAY<STRING>['a', 'b'][0], ARRAY<STRUCT<a INT64, b ARRAY<STRING>>>[(1, ['x'])]
---
SELECT STRUCT<INT64, STRING>(1, 'a'), STRUCT<x DATE>(DATE '2024-01-01').x
--- shop.orders
SELECT RANGE_START(period), RANGE_CONTAINS(period, DATE '2024-01-01'), RANGE<TIMESTAMP> '[2020-01-01, UNBOUNDED)', CAST(NULL AS RANGE<DATE>) FROM `acme-prod-1.shop.orders`
--- shop.orders
SELECT session_range FROM RANGE_SESSIONIZE(TABLE `acme-prod-1.shop.orders`, 'period', ['status'])
--- shop.orders
SELECT id, _CHANGE_TYPE FROM CHANGES(TABLE `acme-prod-1.shop.orders`, NULL, NULL)
--- shop.orders
SELECT id, _CHANGE_TIMESTAMP FROM APPENDS(TABLE `acme-prod-1.shop.orders`, NULL, NULL)
--- shop.orders
SELECT * FROM GAP_FILL((SELECT created_at, total FROM `acme-prod-1.shop.orders`), ts_column => 'created_at', bucket_width => INTERVAL 1 MINUTE, value_columns => [('total', 'locf')])
---
SELECT * FROM ML.EVALUATE(MODEL `acme-prod-1.shop.m`)
---
SELECT forecast_timestamp FROM ML.FORECAST(MODEL `acme-prod-1.shop.m`, STRUCT(3 AS horizon, 0.8 AS confidence_level))
--- shop.orders
SELECT base.id, distance FROM VECTOR_SEARCH(TABLE `acme-prod-1.shop.orders`, 'tags', (SELECT tags FROM `acme-prod-1.shop.orders`), top_k => 5)
--- shop.customers, shop.orders
SELECT id, name FROM `acme-prod-1.shop.customers` LEFT UNION ALL BY NAME SELECT id FROM `acme-prod-1.shop.orders`
--- shop.customers, shop.orders
SELECT id FROM `acme-prod-1.shop.customers` FULL OUTER UNION DISTINCT CORRESPONDING BY (id) SELECT id, status FROM `acme-prod-1.shop.orders`
---
SELECT 1 AS a EXCEPT DISTINCT STRICT CORRESPONDING SELECT 2 AS a
---
SELECT 1 AS a, 2 AS b UNION ALL BY NAME ON (a) SELECT 3 AS b, 4 AS a
--- shop.orders
SELECT id FROM `acme-prod-1.shop.orders` WHERE status LIKE ANY UNNEST(['a%', 'b%'])
--- shop.orders
SELECT id FROM `acme-prod-1.shop.orders` WHERE status LIKE SOME ('a%') OR status NOT LIKE ANY ('b')
--- shop.customers, shop.orders
SELECT id FROM `acme-prod-1.shop.orders` WHERE status LIKE ALL (SELECT name FROM `acme-prod-1.shop.customers`)
--- shop.orders
SELECT id FROM `acme-prod-1.shop.orders` QUALIFY ROW_NUMBER() OVER (PARTITION BY status ORDER BY ts) = 1
--- shop.orders
SELECT status, order_date, SUM(total) FROM `acme-prod-1.shop.orders` GROUP BY ROLLUP(status, order_date)
--- shop.orders
SELECT status, order_date, GROUPING(status) AS g FROM `acme-prod-1.shop.orders` GROUP BY GROUPING SETS (status, (status, order_date), ())
--- shop.orders
SELECT status, DATE_TRUNC(order_date, WEEK(MONDAY)) AS w, COUNT(*) FROM `acme-prod-1.shop.orders` GROUP BY ALL
--- shop.orders
SELECT ANY_VALUE(status HAVING MAX total), ARRAY_AGG(status IGNORE NULLS ORDER BY total LIMIT 3), STRING_AGG(DISTINCT status, ', ' ORDER BY status) FROM `acme-prod-1.shop.orders`
--- shop.orders
SELECT INTERVAL 5 DAY, INTERVAL '10:20:30.5' HOUR TO SECOND, INTERVAL -30 MINUTE, ts + INTERVAL 1 HOUR, ts - ts FROM `acme-prod-1.shop.orders`
--- shop.orders
SELECT EXTRACT(ISOWEEK FROM order_date), EXTRACT(WEEK(SUNDAY) FROM order_date), EXTRACT(MICROSECOND FROM ts), EXTRACT(DAY FROM dur) FROM `acme-prod-1.shop.orders`
---
SELECT SAFE.PARSE_DATE('%Y', status), SAFE.SUBSTR(status, 1, 2), SAFE_OFFSET, SAFE.CAST FROM (SELECT 'x' AS status, 1 AS SAFE_OFFSET, STRUCT(1 AS CAST) AS SAFE)
--- shop.orders
SELECT tags[0], tags[OFFSET(0)], tags[SAFE_ORDINAL(1)], lines[SAFE_OFFSET(0)].sku FROM `acme-prod-1.shop.orders`
--- shop.orders
SELECT ARRAY(SELECT tag FROM UNNEST(tags) AS tag WITH OFFSET AS o ORDER BY o), EXISTS(SELECT 1 FROM UNNEST(lines) WHERE qty > 1), (SELECT MAX(qty) FROM UNNEST(lines)) FROM `acme-prod-1.shop.orders`
--- shop.orders
SELECT payload.a, payload['b'], JSON_QUERY(payload, '$.c'), INT64(payload.n), LAX_INT64(payload.n), JSON_OBJECT('a', 1), TO_JSON(STRUCT(1 AS a)), JSON '{"a": 1}' FROM `acme-prod-1.shop.orders`
--- shop.orders
SELECT ARRAY_FILTER(lines, (l, i) -> l.qty > i), ARRAY_TRANSFORM(lines, l -> l.sku)[0] FROM `acme-prod-1.shop.orders`
--- shop.orders
SELECT AVG(total) OVER (w ROWS BETWEEN 2 PRECEDING AND CURRENT ROW) FROM `acme-prod-1.shop.orders` WINDOW w AS (PARTITION BY status ORDER BY ts)
---
WITH RECURSIVE t AS (SELECT 1 AS n UNION ALL SELECT n + 1 FROM t WHERE n < 10) SELECT * FROM t
--- shop.orders
SELECT id FROM `acme-prod-1.shop.orders` FOR SYSTEM_TIME AS OF TIMESTAMP_SUB(CURRENT_TIMESTAMP(), INTERVAL 1 HOUR) AS o
--- shop.orders
SELECT id FROM `acme-prod-1.shop.orders` TABLESAMPLE SYSTEM (10 PERCENT)
--- shop.customers, shop.orders
SELECT o.id FROM acme-prod-1.shop.orders o JOIN acme-prod-1.shop.customers AS c ON c.id=o.id-1
--- day.*, shop.orders
SELECT 1 FROM acme-prod-1.shop.orders, acme-gh.day.20240102
--- shop.orders
SELECT o.total-o.id FROM acme-prod-1.shop.orders o WHERE o.id-o.total > 0
--- shop.orders
SELECT EXTRACT(DAY FROM order_date-1) FROM acme-prod-1.shop.orders
--- shop.orders
SELECT id IS DISTINCT FROM id-1 FROM acme-prod-1.shop.orders
--- shop.orders
SELECT r'\d', b'ab', rb"x\y", """tri'ple""", 'a\nb', "it's", '\u00e9' FROM `acme-prod-1.shop.orders`
---
SELECT b"\x00", FROM_HEX('00'), 0xAF, -1, 1e10, 1., .5e-3
--- shop.orders
SELECT CASE WHEN total > 1 THEN 'a' ELSE 'b' END, CASE status WHEN 'a' THEN 1 END, IF(total IS NULL, 0, total), IFNULL(status, ''), NULLIF(id, 0) FROM `acme-prod-1.shop.orders`
--- shop.orders
SELECT CAST('12' AS INT64), CAST(b'x' AS STRING FORMAT 'ASCII'), SAFE_CAST('x' AS DATE), CAST(total AS STRING FORMAT '9,999.99'), CAST(ts AS STRING FORMAT 'YYYY' AT TIME ZONE 'UTC') FROM `acme-prod-1.shop.orders`
---
SELECT CAST('a' AS STRING(10)), CAST(1 AS NUMERIC(10, 2)), CAST(1 AS BIGNUMERIC(40, 2))
--- shop.orders
SELECT ARRAY(SELECT AS STRUCT id, total FROM `acme-prod-1.shop.orders`)[OFFSET(0)].total
--- shop.orders
SELECT AS VALUE STRUCT(id AS a) FROM `acme-prod-1.shop.orders`
--- shop.orders
SELECT * EXCEPT (lines) REPLACE (total * 2 AS total) FROM `acme-prod-1.shop.orders`
--- shop.orders
SELECT l.*, `group`.* FROM `acme-prod-1.shop.orders` o, o.lines l
--- shop.customers, shop.orders
SELECT c.name, (SELECT COUNT(*) FROM `acme-prod-1.shop.orders` o WHERE o.`customer id` = c.id) FROM `acme-prod-1.shop.customers` c
--- shop.orders
SELECT id FROM `acme-prod-1.shop.orders` WHERE (id, status) IN ((1, 'a'), (2, 'b')) AND status IN UNNEST(tags)
--- shop.customers
SELECT x FROM UNNEST(ARRAY(SELECT id FROM `acme-prod-1.shop.customers`)) AS x
---
SELECT d, n FROM UNNEST(GENERATE_DATE_ARRAY('2024-01-01', '2024-02-01', INTERVAL 1 WEEK)) AS d, UNNEST(GENERATE_ARRAY(1, 3)) AS n
--- shop.orders
SELECT o.select, o.group.order FROM `acme-prod-1.shop.orders` AS o
--- shop.orders
SELECT id AS `select`, total AS `order` FROM `acme-prod-1.shop.orders` ORDER BY `order`
---
SELECT date, time, value, type, key, offset, format, year FROM (SELECT 1 AS date, 2 AS time, 3 AS value, 4 AS type, 5 AS key, 6 AS offset, 7 AS format, 8 AS year)
--- analytics_987.events_*
SELECT _TABLE_SUFFIX AS day, COUNT(*) FROM `acme-prod-1.analytics_987.events_202401*` WHERE _TABLE_SUFFIX BETWEEN '01' AND '15' GROUP BY day
--- shop.orders
SELECT HLL_COUNT.MERGE(s), KLL_QUANTILES.EXTRACT_INT64(KLL_QUANTILES.INIT_INT64(1), 4) FROM (SELECT HLL_COUNT.INIT(id) AS s FROM `acme-prod-1.shop.orders`)
--- shop.orders
SELECT ST_DISTANCE(loc, ST_GEOGPOINT(127, 37)), ST_ASGEOJSON(loc) FROM `acme-prod-1.shop.orders` WHERE ST_DWITHIN(loc, ST_GEOGFROMTEXT('POINT(1 1)'), 100)
--- shop.customers, shop.orders
SELECT o.id FROM ((`acme-prod-1.shop.orders` o JOIN `acme-prod-1.shop.customers` c ON c.id = o.id) LEFT JOIN UNNEST(o.tags) AS tag)
---
SELECT * FROM (SELECT 1 AS id, 2 AS a, 3 AS b) UNPIVOT (v FOR k IN (a, b))
--- shop.orders
SELECT * FROM (SELECT status, total FROM `acme-prod-1.shop.orders`) PIVOT (SUM(total) AS s, COUNT(*) AS c FOR status IN ('x', 'y'))
--- shop.orders
SELECT id -- c
# d
/* e */ FROM `acme-prod-1.shop.orders`
--- shop.orders
SELECT `acme-prod-1`.shop.orders.status FROM `acme-prod-1`.shop.orders
--- shop.orders
SELECT COUNTIF(total > 1), LOGICAL_AND(TRUE), SUM(IF(status = 'a', 1, 0)), AVG(DISTINCT total), APPROX_COUNT_DISTINCT(id) FROM `acme-prod-1.shop.orders`
--- shop.orders
SELECT id FROM `acme-prod-1.shop.orders` ORDER BY total DESC NULLS LAST, 1 LIMIT 10
--- crypto.transactions
SELECT COUNT(*) FROM (SELECT * FROM `acme-prod-1.crypto.transactions`) WHERE block_timestamp > '2024-01-01'
--- crypto.transactions, shop.orders
SELECT COUNT(*) FROM `acme-prod-1.shop.orders` o JOIN `acme-prod-1.crypto.transactions` t ON t.block_timestamp = o.ts
--- crypto.transactions
FROM `acme-prod-1.crypto.transactions` |> WHERE block_timestamp > TIMESTAMP '2024-01-01' |> SELECT `hash`
--- billing.gcp_billing_export_v1_01A2B3_C4D5E6_F70819
SELECT cost FROM `acme-prod-1.billing.gcp_billing_export_v1_01A2B3_C4D5E6_F70819` WHERE _PARTITIONDATE = '2024-01-01'
---
SELECT 7 / 2, DIV(7, 2), MOD(7, 2), ~1, 1 << 2, 8 >> 1, 5 & 3, 5 | 3, 5 ^ 1, NOT TRUE, 'a' || 'b', 1 <> 2, 1 != 2

--- analytics.events_*
SELECT event_name, COUNT(*) AS events, COUNT(DISTINCT user_pseudo_id) AS users
FROM `acme-data.analytics.events_*`
WHERE _TABLE_SUFFIX BETWEEN '20201201' AND '20201231'
GROUP BY event_name
ORDER BY events DESC
LIMIT 10
--- analytics.events_*
-- sessions and engagement a day, the way GA4 counts them
WITH sessions AS (
  SELECT
    PARSE_DATE('%Y%m%d', event_date) AS day,
    user_pseudo_id,
    (SELECT value.int_value FROM UNNEST(event_params) WHERE key = 'ga_session_id') AS session_id,
    MAX((SELECT value.string_value FROM UNNEST(event_params) WHERE key = 'session_engaged')) AS engaged
  FROM `acme-data.analytics.events_*`
  GROUP BY day, user_pseudo_id, session_id
)
SELECT day, COUNT(DISTINCT CONCAT(user_pseudo_id, CAST(session_id AS STRING))) AS sessions,
       SAFE_DIVIDE(COUNTIF(engaged = '1'), COUNT(*)) AS engagement_rate
FROM sessions
GROUP BY 1
ORDER BY 1
--- analytics.events_*
SELECT i.item_name, SUM(i.quantity) AS sold, SUM(i.item_revenue) AS revenue
FROM `acme-data.analytics.events_*` AS e, UNNEST(e.items) AS i
WHERE e.event_name = 'purchase' AND i.item_name != '(not set)'
GROUP BY i.item_name
HAVING revenue > 100
ORDER BY revenue DESC
--- analytics.events_*
SELECT e.user_pseudo_id, item.item_id, pos
FROM `acme-data.analytics.events_20210115` e, UNNEST(e.items) AS item WITH OFFSET AS pos
WHERE pos < 3
--- analytics.events_*
SELECT * EXCEPT (event_params, user_properties, items)
FROM `acme-data.analytics.events_202101*`
WHERE _TABLE_SUFFIX = '31'
--- analytics.events_*
SELECT device.web_info.browser, geo.country, COUNT(1) AS hits
FROM acme-data.analytics.`events_*`
GROUP BY ROLLUP(device.web_info.browser, geo.country)
--- analytics.events_*
SELECT
  traffic_source.medium,
  APPROX_QUANTILES(ecommerce.purchase_revenue, 100)[OFFSET(50)] AS median,
  ARRAY_AGG(STRUCT(user_pseudo_id AS who, ecommerce.transaction_id) ORDER BY event_timestamp DESC LIMIT 1)[SAFE_OFFSET(0)].who AS latest
FROM `acme-data`.analytics.`events_*`
WHERE _TABLE_SUFFIX >= '20210101' AND ecommerce.transaction_id IS NOT NULL
GROUP BY traffic_source.medium
--- analytics.events_*
-- a funnel with named windows
WITH steps AS (
  SELECT user_pseudo_id, event_timestamp, event_name,
         LEAD(event_name) OVER by_user AS next_event,
         LEAD(event_timestamp) OVER by_user AS next_at
  FROM `acme-data.analytics.events_*`
  WHERE event_name IN ('view_item', 'add_to_cart', 'purchase')
  WINDOW by_user AS (PARTITION BY user_pseudo_id ORDER BY event_timestamp)
)
SELECT event_name, next_event, AVG(next_at - event_timestamp) / 1e6 AS seconds
FROM steps WHERE next_event IS NOT NULL
GROUP BY event_name, next_event
--- analytics.events_*
SELECT user_pseudo_id, event_name, event_timestamp
FROM `acme-data.analytics.events_*`
WHERE TRUE
QUALIFY ROW_NUMBER() OVER (PARTITION BY user_pseudo_id ORDER BY event_timestamp DESC) = 1
--- analytics.events_*
SELECT event_params.key, COUNT(*) AS uses
FROM `acme-data.analytics.events_*` AS T
CROSS JOIN UNNEST(T.event_params) AS event_params
WHERE event_params.value.int_value > 0
GROUP BY 1
--- analytics.events_*, analytics.events_intraday_*
SELECT event_date, event_name FROM `acme-data.analytics.events_*` WHERE _TABLE_SUFFIX NOT LIKE 'intraday%'
UNION ALL
SELECT event_date, event_name FROM `acme-data.analytics.events_intraday_*`
ORDER BY event_date, event_name
--- analytics.events_intraday_*
SELECT COUNT(*) FROM `acme-data.analytics.events_intraday_20210201`
--- analytics.events_*
SELECT EXTRACT(ISOWEEK FROM TIMESTAMP_MICROS(event_timestamp)) AS week,
       TIMESTAMP_TRUNC(TIMESTAMP_MICROS(event_timestamp), WEEK(MONDAY)) AS monday,
       COUNTIF(event_name = 'first_visit') AS new_users
FROM `analytics.events_*`
GROUP BY week, monday
--- analytics.events_*
SELECT EVENT_NAME, Geo.Country AS Land, Device.CATEGORY
FROM `acme-data.analytics.events_*` AS Ev
WHERE ev.Platform = 'WEB' AND EV.device.Language LIKE 'en%'
--- analytics.events_*
-- arrays by their path, without unnest
SELECT e.event_name,
       EXISTS (SELECT 1 FROM e.event_params p WHERE p.key = 'page_location') AS has_page,
       ARRAY(SELECT AS STRUCT p.key, p.value.string_value FROM UNNEST(e.event_params) p)[OFFSET(0)].string_value AS first_text
FROM `acme-data.analytics.events_20201101` e
--- analytics.events_*
SELECT day, COUNT(DISTINCT e.user_pseudo_id) AS users
FROM UNNEST(GENERATE_DATE_ARRAY('2021-01-01', '2021-01-31', INTERVAL 1 DAY)) AS day
LEFT JOIN `acme-data.analytics.events_*` e ON PARSE_DATE('%Y%m%d', e.event_date) = day
GROUP BY day
--- analytics.events_*
SELECT t.value AS browser, t.count
FROM (
  SELECT APPROX_TOP_COUNT(device.web_info.browser, 5) AS browsers
  FROM `acme-data.analytics.events_*`
), UNNEST(browsers) AS t
--- shop.orders
SELECT status, COUNT(*) AS orders, ROUND(SUM(total), 2) AS revenue
FROM `acme-data.shop.orders`
WHERE order_date >= DATE_SUB(CURRENT_DATE(), INTERVAL 30 DAY)
GROUP BY status
--- shop.customers, shop.orders
SELECT c.segment, DATE_TRUNC(o.order_date, MONTH) AS month, SUM(o.total) AS revenue
FROM shop.orders o
JOIN shop.customers c USING (customer_id)
WHERE o.order_date BETWEEN DATE '2024-01-01' AND DATE '2024-12-31' AND customer_id > 0
GROUP BY c.segment, month
ORDER BY month
--- shop.orders, shop.products
SELECT p.category, SUM(l.quantity * l.unit_price) AS gross, SUM(d.amount) AS discounts
FROM `acme-data.shop.orders` o
CROSS JOIN UNNEST(o.lines) l
LEFT JOIN UNNEST(l.discounts) d
JOIN `acme-data.shop.products` p ON p.product_id = l.product_id
GROUP BY p.category
--- shop.orders
SELECT order_id, tag
FROM shop.orders, UNNEST(tags) AS tag
WHERE order_date = '2024-05-01' AND 'gift' IN UNNEST(tags)
--- shop.orders
SELECT order_id, tags[SAFE_OFFSET(0)] AS first_tag, lines[OFFSET(0)].discounts[SAFE_OFFSET(0)].code
FROM shop.orders
WHERE ARRAY_LENGTH(lines) > 1
--- shop.orders
SELECT payload.customer.device.id AS device, JSON_VALUE(payload, '$.channel') AS channel, payload['items'][0].sku
FROM `acme-data.shop.orders`
WHERE order_date > '2024-01-01'
--- shop.orders
SELECT shipping.address.*, shipping.method
FROM shop.orders
--- shop.orders
WITH o AS (SELECT order_id, shipping FROM shop.orders)
SELECT o.shipping.address.city, COUNT(DISTINCT o.order_id) FROM o GROUP BY city
--- shop.orders
WITH per_day AS (SELECT order_date, SUM(total) AS revenue FROM shop.orders GROUP BY order_date)
SELECT order_date, revenue,
       AVG(revenue) OVER (ORDER BY UNIX_DATE(order_date) RANGE BETWEEN 6 PRECEDING AND CURRENT ROW) AS week_average,
       revenue - LAG(revenue, 7) OVER w AS change
FROM per_day
WINDOW w AS (ORDER BY order_date)
--- hr.employees
WITH RECURSIVE chain AS (
  SELECT employee_id, manager_id, name, 0 AS level FROM hr.employees WHERE manager_id IS NULL
  UNION ALL
  SELECT e.employee_id, e.manager_id, e.name, chain.level + 1
  FROM hr.employees e JOIN chain ON e.manager_id = chain.employee_id
)
SELECT level, STRING_AGG(name, ', ' ORDER BY name) AS people FROM chain GROUP BY level
--- shop.quarterly_sales
SELECT product, Q1, Q2, Q1 + Q2 AS half
FROM (SELECT product, quarter, sales FROM shop.quarterly_sales)
PIVOT (SUM(sales) FOR quarter IN ('Q1', 'Q2'))
ORDER BY half
--- shop.quarterly_sales
SELECT p.product, p.total_first, p.n_first, p.total_second
FROM shop.quarterly_sales
PIVOT (SUM(sales) AS total, COUNT(*) AS n FOR quarter IN ('Q1' AS first, 'Q2' AS second)) AS p
WHERE p.region = 'north'
--- shop.wide_sales
SELECT product, quarter, sales
FROM shop.wide_sales UNPIVOT (sales FOR quarter IN (q1, q2, q3 AS 'third', q4))
WHERE sales > 0
--- shop.clicks
SELECT NET.HOST(url) AS host, COUNT(*) AS clicks
FROM shop.clicks
WHERE _PARTITIONDATE = '2024-02-01' AND _PARTITIONTIME IS NOT NULL
GROUP BY host
--- shop.clicks
SELECT c, TO_JSON_STRING(c) AS line, c.url FROM shop.clicks AS c TABLESAMPLE SYSTEM (5 PERCENT)
--- shop.clicks
SELECT COUNT(*) FROM shop.clicks FOR SYSTEM_TIME AS OF TIMESTAMP_SUB(CURRENT_TIMESTAMP(), INTERVAL 1 HOUR)
--- archive.customers, shop.customers
SELECT email FROM shop.customers
WHERE customer_id NOT IN (SELECT customer_id FROM archive.customers)
--- archive.customers, shop.customers
SELECT live.email, old.archived_at
FROM `acme-data.shop.customers` live
FULL OUTER JOIN `acme-data.archive.customers` old ON live.customer_id = old.customer_id
--- shop.customers, shop.orders
SELECT c.email,
       (SELECT MAX(o.order_date) FROM shop.orders o WHERE o.customer_id = c.customer_id) AS last_order
FROM shop.customers AS c
WHERE EXISTS (SELECT 1 FROM shop.orders WHERE orders.customer_id = c.customer_id AND total > 100)
--- shop.customers
SELECT * REPLACE (LOWER(email) AS email), DATE_DIFF(CURRENT_DATE(), signup_date, DAY) AS age
FROM shop.customers
ORDER BY age
--- shop.customers
SELECT IF(is_active, 'active', 'gone') AS state, country, COUNT(*) n
FROM shop.customers
GROUP BY ALL
--- shop.customers
SELECT country FROM shop.customers WHERE segment = 'a'
EXCEPT DISTINCT
SELECT country FROM shop.customers WHERE segment = "b"
--- shop.products
SELECT name, price, NTILE(4) OVER (PARTITION BY category ORDER BY price) AS quartile,
       CASE WHEN price > 100 THEN 'high' WHEN price > 10 THEN 'middle' ELSE 'low' END AS band
FROM shop.products
--- shop.products
SELECT category, SAFE_CAST(JSON_VALUE(attributes, '$.weight') AS FLOAT64) AS weight,
       REGEXP_EXTRACT_ALL(name, r'[A-Z]+')[SAFE_OFFSET(0)] AS code
FROM `acme-data`.`shop`.`products`
WHERE SAFE.PARSE_DATE('%F', JSON_VALUE(attributes.released)) IS NOT NULL
--- weather.gsod2019, weather.gsod2020
SELECT _TABLE_SUFFIX AS year, AVG(temp) FROM `acme-data.weather.gsod*` GROUP BY year
--- hr.employees
SELECT department, s.name, s.salary
FROM (
  SELECT department, ARRAY_AGG(STRUCT(name, salary) ORDER BY salary DESC LIMIT 3) AS top
  FROM hr.employees GROUP BY department
), UNNEST(top) AS s
--- hr.employees
SELECT a.name AS employee, b.name AS manager
FROM hr.employees a LEFT JOIN hr.employees b ON a.manager_id = b.employee_id
WHERE a.hired_on < b.hired_on
--- hr.employees
SELECT x.n, x.label FROM UNNEST([STRUCT(1 AS n, 'one' AS label), STRUCT(2, 'two')]) AS x
JOIN hr.employees ON employee_id = x.n
--- 
SELECT number * 2 AS twice FROM UNNEST(GENERATE_ARRAY(1, 10)) AS number
--- shop.orders
SELECT AS STRUCT order_id, total FROM shop.orders WHERE order_date = CURRENT_DATE()
--- shop.customers, shop.orders
WITH customers AS (SELECT customer_id AS id, country AS land FROM shop.customers)
SELECT land, COUNT(order_id) FROM customers LEFT JOIN shop.orders ON id = customer_id GROUP BY land
--- shop.orders
select safe.substr(status, 1, 2) as s, search(status, 'paid') as f from shop.orders group by 1, 2 order by 2
--- shop.orders
select extract(dayofweek from timestamp '2021-01-01') as d, interval 3 day as i, cast(order_id as string) as o,
       cast('1' as bignumeric) as b, safe_cast('x' as bytes) as y from shop.orders
--- shop.orders
select l.product_id from shop.orders o left join o.lines as l
--- analytics.events_*
select count(*) from `acme-data.analytics.events_*`
where '20201201' <= _table_suffix and _table_suffix like '2020%'
--- shop.customers
SELECT shop.customers.email FROM shop.customers
--- shop.orders
FROM shop.orders |> WHERE total > 10 |> SELECT order_id
--- weather.gsod2019, weather.gsod2020
SELECT AVG(CAST(wdsp AS FLOAT64)) FROM `acme-data.weather.gsod*`
--- shop.customers
SELECT * FROM ML.PREDICT(MODEL shop.churn, TABLE shop.customers)
--- shop.orders
SELECT status, SUM(total) AS total FROM shop.orders GROUP BY status, total
--- shop.orders
WITH t AS (SELECT status, SUM(total) AS s FROM shop.orders GROUP BY status) SELECT s, COUNT(*) FROM t GROUP BY s
--- shop.orders
SELECT (SELECT MAX(x) FROM UNNEST([1, 2]) AS x) AS m, status FROM shop.orders GROUP BY m, status
--- shop.customers
(SELECT country FROM shop.customers) INTERSECT DISTINCT (SELECT segment FROM shop.customers)

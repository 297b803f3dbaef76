--- Column is_active_user
SELECT COUNT(DISTINCT user_pseudo_id) FROM `acme-data.analytics.events_*` WHERE is_active_user
--- Column collected_traffic_source
SELECT collected_traffic_source.manual_source, COUNT(*) FROM `acme-data.analytics.events_*` GROUP BY 1
--- Column batch_event_index
SELECT * FROM `acme-data.analytics.events_20201105` ORDER BY batch_event_index
--- Column session_traffic_source_last_click
SELECT e.session_traffic_source_last_click.manual_campaign.campaign_name FROM `acme-data.analytics.events_*` e
--- Column event_time
SELECT TIMESTAMP_MICROS(event_time) FROM `acme-data.analytics.events_*`
--- Column user_psuedo_id
SELECT COUNT(DISTINCT user_psuedo_id) AS users FROM `acme-data.analytics.events_*`
--- Column session_id
SELECT session_id, COUNT(*) FROM `acme-data.analytics.events_*` GROUP BY session_id
--- Column ga_session_id
SELECT CONCAT(user_pseudo_id, ga_session_id) FROM `acme-data.analytics.events_*`
--- Column page_location
SELECT page_location FROM `acme-data.analytics.events_*` WHERE event_name = 'page_view'
--- Column country
SELECT country, COUNT(*) FROM `acme-data.analytics.events_*` GROUP BY country
--- Column browser
SELECT browser FROM `acme-data.analytics.events_*`
--- Column item_name
SELECT item_name, SUM(quantity) FROM `acme-data.analytics.events_*` GROUP BY item_name
--- Field device.browser
SELECT device.browser, COUNT(*) FROM `acme-data.analytics.events_*` GROUP BY 1
--- Field device.web_info.hostname
SELECT device.web_info.hostname FROM `acme-data.analytics.events_*`
--- Field geo.country_code
SELECT geo.country_code FROM `acme-data.analytics.events_*` WHERE geo.continent = 'Asia'
--- Field traffic_source.campaign
SELECT traffic_source.campaign FROM `acme-data.analytics.events_*`
--- Field ecommerce.revenue
SELECT SUM(ecommerce.revenue) FROM `acme-data.analytics.events_*` WHERE event_name = 'purchase'
--- Field e.user_ltv.amount
SELECT e.user_ltv.amount FROM `acme-data.analytics.events_*` AS e
--- Field event_name.value
SELECT event_name.value FROM `acme-data.analytics.events_*`
--- Field platform.name
SELECT e.platform.name FROM `acme-data.analytics.events_*` e
--- Field geo.city.name
SELECT geo.city.name FROM `acme-data.analytics.events_*`
--- Column item.item_params
SELECT item.item_params FROM `acme-data.analytics.events_*`, UNNEST(items) AS item
--- Field p.value.bool_value
SELECT p.value.bool_value FROM `acme-data.analytics.events_*`, UNNEST(event_params) p
--- Column p.name
SELECT p.name FROM `acme-data.analytics.events_*`, UNNEST(event_params) AS p
--- Column string_value
SELECT (SELECT string_value FROM UNNEST(event_params) WHERE key = 'page_title') FROM `acme-data.analytics.events_*`
--- Column param_key
SELECT (SELECT value.int_value FROM UNNEST(event_params) WHERE param_key = 'ga_session_id') FROM `acme-data.analytics.events_*`
--- Field value.integer_value
SELECT (SELECT value.integer_value FROM UNNEST(event_params) WHERE key = 'ga_session_id') FROM `acme-data.analytics.events_*`
--- Repeated event_params.key
SELECT event_params.key FROM `acme-data.analytics.events_*`
--- Repeated event_params.value
SELECT event_params.value.string_value FROM `acme-data.analytics.events_*` WHERE event_name = 'page_view'
--- Repeated items.item_id
SELECT items.item_id, SUM(items.quantity) FROM `acme-data.analytics.events_*` GROUP BY 1
--- Repeated e.user_properties.key
SELECT COUNT(*) FROM `acme-data.analytics.events_*` e WHERE e.user_properties.key = 1
--- Repeated lines.discounts
SELECT d.code FROM shop.orders, UNNEST(lines.discounts) AS d
--- Repeated l.discounts.amount
SELECT SUM(l.discounts.amount) FROM shop.orders o, UNNEST(o.lines) l
--- Repeated geo
SELECT g FROM `acme-data.analytics.events_*`, UNNEST(geo) AS g
--- Repeated status
SELECT s FROM shop.orders o, o.status AS s
--- Repeated unnest
SELECT order_id FROM shop.orders WHERE 'gift' IN UNNEST(status)
--- Repeated lines
SELECT lines.* FROM shop.orders
--- Table events
SELECT COUNT(*) FROM `acme-data.analytics.events`
--- Table acme-data.analytics.sessions_*
SELECT COUNT(*) FROM `acme-data.analytics.sessions_*`
--- Table acme-data.analytics.Events_*
SELECT COUNT(*) FROM `acme-data.analytics.Events_*`
--- Table acme-data.analytic.events_*
SELECT COUNT(*) FROM `acme-data.analytic.events_*`
--- Table acme.analytics.events_*
SELECT COUNT(*) FROM `acme.analytics.events_*`
--- Table bigquery-public-data.ga4_obfuscated_sample_ecommerce.events_*
SELECT COUNT(*) FROM `bigquery-public-data.ga4_obfuscated_sample_ecommerce.events_*`
--- Table events_fresh_*
SELECT event_name FROM `acme-data.analytics.events_fresh_*`
--- Table events_fresh_20210101
SELECT event_name FROM `acme-data.analytics.events_fresh_20210101`
--- Table events_2019*
SELECT event_name FROM `acme-data.analytics.events_2019*`
--- Table events_202102*
SELECT event_name FROM `acme-data.analytics.events_202102*`
--- Shard events_20190101
SELECT event_name FROM `acme-data.analytics.events_20190101`
--- Shard events_20210201
SELECT event_name FROM `acme-data.analytics.events_20210201`
--- Shard events_20201131
SELECT event_name FROM `acme-data.analytics.events_20201131`
--- Shard events_202101
SELECT event_name FROM `acme-data.analytics.events_202101`
--- Shard events_intraday_20210105
SELECT event_name FROM `acme-data.analytics.events_intraday_20210105`
--- Shard 20220101
SELECT COUNT(*) FROM `acme-data.analytics.events_*` WHERE _TABLE_SUFFIX = '20220101'
--- Shard 20190131
SELECT COUNT(*) FROM `acme-data.analytics.events_*` WHERE _TABLE_SUFFIX BETWEEN '20190101' AND '20190131'
--- Shard 2021-01-01
SELECT COUNT(*) FROM `acme-data.analytics.events_*` WHERE _TABLE_SUFFIX BETWEEN '2021-01-01' AND '2021-01-31'
--- Shard 20230615
SELECT COUNT(*) FROM `acme-data.analytics.events_*` e WHERE e._TABLE_SUFFIX >= '20230615'
--- Shard 20210102
SELECT COUNT(*) FROM `acme-data.analytics.events_202101*` WHERE _TABLE_SUFFIX IN ('20210102', '20210103')
--- Column _TABLE_SUFFIX
SELECT COUNT(*) FROM `acme-data.analytics.events_20210101` WHERE _TABLE_SUFFIX = '20210101'
--- Column _TABLE_SUFFIX
SELECT COUNT(*) FROM shop.customers WHERE _TABLE_SUFFIX > '2024'
--- Column _PARTITIONTIME
SELECT COUNT(*) FROM shop.orders WHERE _PARTITIONTIME > TIMESTAMP '2024-01-01'
--- Column _PARTITIONDATE
SELECT COUNT(*) FROM `acme-data.analytics.events_*` WHERE _PARTITIONDATE = '2021-01-01'
--- Column device
SELECT device.category FROM `acme-data.analytics.events_intraday_20210131`
--- Column geo
WITH recent AS (SELECT * FROM `acme-data.analytics.events_intraday_*`) SELECT geo.country FROM recent
--- Table INFORMATION_SCHEMA
SELECT table_name FROM `acme-data.shop.INFORMATION_SCHEMA.TABLES`
--- Table INFORMATION_SCHEMA
SELECT job_id FROM `region-us`.INFORMATION_SCHEMA.JOBS_BY_PROJECT
--- Table __TABLES__
SELECT table_id FROM `acme-data.shop.__TABLES__`
--- Table shop.order
SELECT * FROM shop.order_items
--- Table clicks$20240101
SELECT COUNT(*) FROM `acme-data.shop.clicks$20240101`
--- Ambiguous customers
SELECT COUNT(*) FROM customers
--- Table shop.employees
SELECT COUNT(*) FROM shop.employees
--- Column o.order_total
SELECT o.order_total FROM shop.orders o
--- Column customer_name
SELECT customer_name, SUM(total) FROM shop.orders JOIN shop.customers USING (customer_id) GROUP BY 1
--- Column c.total
SELECT c.total FROM shop.orders o JOIN shop.customers c ON o.customer_id = c.customer_id
--- Column orders
SELECT orders.total FROM shop.orders o
--- Column cust
SELECT cust.email FROM shop.customers c
--- Ambiguous customer_id
SELECT customer_id FROM shop.orders o JOIN shop.customers c ON o.customer_id = c.customer_id
--- Ambiguous name
SELECT name FROM hr.employees a JOIN hr.employees b ON a.manager_id = b.employee_id
--- Ambiguous event_name
SELECT event_name FROM `acme-data.analytics.events_20210131` d, `acme-data.analytics.events_intraday_20210131` i
--- Ambiguous customers
SELECT 1 FROM shop.customers, archive.customers
--- Column product_id
SELECT order_id FROM shop.orders JOIN shop.products USING (product_id)
--- Column region
SELECT * FROM shop.orders o JOIN shop.customers c USING (region)
--- Column cte.revenue
WITH cte AS (SELECT order_date, SUM(total) AS amount FROM shop.orders GROUP BY 1) SELECT cte.revenue FROM cte
--- Column status
WITH daily AS (SELECT order_date, COUNT(*) AS n FROM shop.orders GROUP BY order_date) SELECT order_date FROM daily WHERE status = 'paid'
--- Column total
SELECT total FROM (SELECT total AS amount FROM shop.orders)
--- Column s.order_id
SELECT s.order_id FROM (SELECT customer_id, MAX(order_date) AS last FROM shop.orders GROUP BY 1) AS s
--- Field o.shipping.address.street
WITH o AS (SELECT shipping FROM shop.orders) SELECT o.shipping.address.street FROM o
--- Field best.size
WITH t AS (SELECT STRUCT(order_id AS id, total) AS best FROM shop.orders) SELECT best.size FROM t
--- Column s.title
SELECT s.title FROM (SELECT ARRAY_AGG(STRUCT(name, price)) AS top FROM shop.products), UNNEST(top) AS s
--- Field the expression.name
SELECT ANY_VALUE(STRUCT(product_id, price)).name AS x FROM shop.products
--- Table later
WITH early AS (SELECT * FROM later), later AS (SELECT 1 AS n) SELECT * FROM early
--- Table inner_only
SELECT * FROM (WITH inner_only AS (SELECT 1 AS n) SELECT n FROM inner_only) JOIN inner_only ON TRUE
--- Table chain
WITH chain AS (SELECT employee_id FROM hr.employees UNION ALL SELECT employee_id FROM chain) SELECT * FROM chain
--- Column chain.boss
WITH RECURSIVE chain AS (SELECT employee_id FROM hr.employees UNION ALL SELECT e.employee_id FROM hr.employees e JOIN chain ON e.manager_id = chain.boss) SELECT * FROM chain
--- Ambiguous twice
WITH twice AS (SELECT 1 AS a), twice AS (SELECT 2 AS a) SELECT a FROM twice
--- Column amount
SELECT total AS amount FROM shop.orders WHERE amount > 10
--- Column double
SELECT total AS double, double * 2 AS more FROM shop.orders
--- Column c.email
SELECT x.n FROM shop.customers c, (SELECT c.email AS n) AS x
--- Column archived_at
SELECT * EXCEPT (archived_at) FROM shop.customers
--- Column e_mail
SELECT * REPLACE (LOWER(email) AS e_mail) FROM shop.customers
--- Column profit
SELECT product FROM shop.quarterly_sales PIVOT (SUM(profit) FOR quarter IN ('Q1'))
--- Column sales
SELECT sales FROM shop.quarterly_sales PIVOT (SUM(sales) FOR quarter IN ('Q1', 'Q2'))
--- Column Q3
SELECT Q3 FROM (SELECT product, quarter, sales FROM shop.quarterly_sales) PIVOT (SUM(sales) FOR quarter IN ('Q1', 'Q2'))
--- Column q5
SELECT * FROM shop.wide_sales UNPIVOT (sales FOR quarter IN (q1, q5))
--- Column q1
SELECT q1 FROM shop.wide_sales UNPIVOT (sales FOR quarter IN (q1, q2))
--- Unsupported pivot
SELECT * FROM shop.quarterly_sales PIVOT (SUM(sales) FOR quarter IN (SELECT DISTINCT quarter FROM shop.quarterly_sales))
--- Name by_day
SELECT SUM(total) OVER by_day FROM shop.orders WINDOW by_month AS (PARTITION BY DATE_TRUNC(order_date, MONTH))
--- Column hire_date
SELECT RANK() OVER (PARTITION BY department ORDER BY hire_date) FROM hr.employees
--- Column team
SELECT department FROM hr.employees QUALIFY ROW_NUMBER() OVER (PARTITION BY team ORDER BY salary) = 1
--- Name FORTNIGHT
SELECT DATE_TRUNC(order_date, FORTNIGHT) FROM shop.orders
--- Name order_date
SELECT DATE_TRUNC(DAY, order_date) FROM shop.orders
--- Function DATEDIFF
SELECT DATEDIFF(CURRENT_DATE(), signup_date) FROM shop.customers
--- Function NVL
SELECT NVL(segment, 'none') FROM shop.customers
--- Function TO_DATE
SELECT TO_DATE(event_date) FROM `acme-data.analytics.events_*`
--- Function ACME-DATA.UDFS.CLEAN
SELECT `acme-data.udfs.clean`(email) FROM shop.customers
--- Function DATE_TRUNK
SELECT DATE_TRUNK(order_date, MONTH) FROM shop.orders
--- Function SESSION_USER
SELECT SESSION_USER()
--- Function EXTERNAL_QUERY
SELECT * FROM EXTERNAL_QUERY('acme.us.db', 'select * from users')
--- Function ML.GENERATE_TEXT
SELECT * FROM ML.GENERATE_TEXT('shop.model', 'write a poem')
--- Function shop.orders_of
SELECT * FROM shop.orders_of(5)
--- NotReadOnly
DELETE FROM shop.orders WHERE order_id = 1
--- NotReadOnly
INSERT INTO shop.customers (customer_id) SELECT customer_id FROM archive.customers
--- NotReadOnly
UPDATE shop.products SET price = 0 WHERE TRUE
--- NotReadOnly
MERGE shop.products p USING archive.customers c ON FALSE WHEN NOT MATCHED THEN INSERT (product_id) VALUES (1)
--- NotReadOnly
CREATE TABLE shop.copy AS SELECT * FROM shop.orders
--- NotReadOnly
DROP TABLE shop.orders
--- NotReadOnly
TRUNCATE TABLE shop.orders
--- NotReadOnly
ALTER TABLE shop.orders ADD COLUMN note STRING
--- NotReadOnly
SELECT 1; DROP TABLE shop.orders
--- NotReadOnly
DECLARE day DATE DEFAULT CURRENT_DATE(); SELECT day
--- NotReadOnly
EXPORT DATA OPTIONS (uri = 'gs://bucket/*.csv') AS SELECT * FROM shop.customers
--- NotReadOnly
EXECUTE IMMEDIATE 'select 1'
--- NotReadOnly
CALL shop.refresh()
--- NotReadOnly
GRANT SELECT ON TABLE shop.orders TO 'user:a@example.com'
--- Syntax
SELECT order_id FROM
--- Syntax
SELEC order_id FROM shop.orders
--- Syntax
SELECT COUNT( FROM shop.orders
--- Syntax
The monthly revenue is the sum of total over shop.orders.
--- Syntax
-- nothing but a comment
--- Syntax
SELECT 'open FROM shop.orders
--- Unsupported parameter
SELECT order_id FROM shop.orders WHERE order_date = ?
--- Unsupported "a parameter"
SELECT order_id FROM shop.orders WHERE order_date = @day
--- Unsupported ::
SELECT order_id::STRING FROM shop.orders
--- Unsupported ilike
SELECT email FROM shop.customers WHERE email ILIKE '%@example.com'
--- Unsupported natural
SELECT * FROM shop.orders NATURAL JOIN shop.customers
--- Unsupported lateral
SELECT * FROM shop.customers c, LATERAL (SELECT 1 AS one) AS x
--- Column
SELECT order_id FROM shop.orders UNION ALL SELECT customer_id, email FROM shop.customers
--- Column
SELECT (SELECT order_id, total FROM shop.orders LIMIT 1) AS pair
--- Column *
SELECT *
--- Table gsod2018
SELECT AVG(temp) FROM `acme-data.weather.gsod2018`
--- Field tag.name
SELECT tag.name FROM shop.orders, UNNEST(tags) AS tag
--- Field total
SELECT total[OFFSET(0)] FROM shop.orders
--- Column i.item_id
SELECT i.item_id FROM `acme-data.analytics.events_*` e WHERE EXISTS (SELECT 1 FROM UNNEST(e.items) AS i)
--- Column loyalty_tier
SELECT COUNT(*) FROM shop.customers GROUP BY loyalty_tier
--- Column margin
SELECT product_id FROM shop.products ORDER BY margin DESC
--- Column n
SELECT COUNT(*) AS c FROM shop.products HAVING n > 1
--- Column cost
SELECT CASE WHEN price > cost THEN 1 ELSE 0 END FROM shop.products
--- Column discount_rate
SELECT STRUCT(name, discount_rate) FROM shop.products
--- Column updated_at
SELECT ARRAY_AGG(name ORDER BY updated_at DESC LIMIT 1) FROM shop.products
--- Column expires_on
SELECT name FROM shop.products WHERE DATE '2024-01-01' BETWEEN expires_on AND CURRENT_DATE()
--- Type GEOGRAFY
SELECT CAST(name AS GEOGRAFY) FROM shop.products
--- Name MOONDAY
SELECT EXTRACT(WEEK(MOONDAY) FROM order_date) FROM shop.orders
--- Field s.zz
WITH t AS (SELECT STRUCT<id INT64, nm STRING>(1, 'a') AS s) SELECT s.nm, s.zz FROM t
--- Field statuz
SELECT ARRAY_AGG(t ORDER BY t.total DESC LIMIT 1)[OFFSET(0)].statuz FROM shop.orders t
--- Column rn
SELECT *, ROW_NUMBER() OVER (ORDER BY total) AS rn FROM shop.orders WHERE rn = 1
--- Unsupported "this way to quote"
select r'\' as a, ' , salary from `acme-data.hr.employees` -- ' as x from `acme-data.shop.orders`
--- Unsupported "this way to quote"
select b'\' as a, ' , salary from `acme-data.hr.employees` -- ' as x from `acme-data.shop.orders`
--- Unsupported "this way to quote"
select r'''\''' as a, ''' , salary from `acme-data.hr.employees` -- ''' as x from `acme-data.shop.orders`
--- Unsupported "this way to quote"
select rb'\' as a, ' , salary from `acme-data.hr.employees` -- ' as x from `acme-data.shop.orders`
--- Unsupported "a backslash in a name"
select z.x from (select order_id as `a\`, ' `, 1 as x, salary from `acme-data.hr.employees`) as z -- ' as x from `acme-data.shop.orders`) as z
--- Unsupported "this way to quote"
select 1 as `a``b` from `acme-data.shop.orders`
--- Unsupported "a literal right after a literal"
select 'a''b' as x from `acme-data.shop.orders`
--- Unsupported "a literal right after a literal"
select 'a' 'b' from `acme-data.shop.orders`
--- Unsupported "a parameter"
select @@x' , salary from `acme-data.hr.employees` -- ' from `acme-data.shop.orders`
--- Unsupported "this way to quote"
select x'\' as a, ' , salary from `acme-data.hr.employees` -- ' as x from `acme-data.shop.orders`
--- Unsupported "the end of a line in a literal"
select 'a
b' as x from `acme-data.shop.orders`
--- Type VARCHAR
select cast(status as varchar) from shop.orders
--- Type TEXT
select cast(status as text) from shop.orders
--- Type DOUBLE
select cast(status as double) from shop.orders
--- Type UUID
select cast(status as uuid) from shop.orders
--- Name EPOCH
select extract(epoch from timestamp '2021-01-01') from shop.orders
--- Name DAYS
select date '2021-01-01' - interval 30 days from shop.orders
--- Unsupported %
select order_id % 2 from shop.orders
--- Shard 20201131
select count(*) from `acme-data.analytics.events_*` where _table_suffix = '20201131'
--- Shard 20210131
select count(*) from `acme-data.analytics.events_*` where _table_suffix between '20210131' and '20201101'
--- Shard 20220101
select count(*) from `acme-data.analytics.events_*` where '20220101' <= _table_suffix
--- Shard 2022
select count(*) from `acme-data.analytics.events_*` where _table_suffix like '2022%'
--- Column 3
select status, count(*) from shop.orders group by 3
--- Column 5
select status, count(*) as n from shop.orders group by 1 order by 5
--- Column 0
select status from shop.orders order by 0
--- Column 2
select status from shop.orders union all select status from shop.orders order by 2
--- Syntax join
select 1 from shop.orders o join shop.customers c
--- Syntax join
select 1 from shop.orders o left join shop.customers c
--- Unsupported "a backslash in a name"
select `order\u005fid` from `acme-data.shop.orders`
--- Unsupported "a backslash in a name"
select order_id from `acme-data.shop\x2eorders`
--- Table orders
SELECT order_id FROM orders
--- Table events_20210115
SELECT event_name FROM events_20210115
--- Table events_*
SELECT event_name FROM `events_*`
--- Table orders
SELECT c.country FROM shop.customers c JOIN orders o ON o.customer_id = c.id
--- Table orders
FROM orders |> SELECT order_id
--- Syntax union
SELECT country FROM shop.customers UNION SELECT segment FROM shop.customers
--- Syntax except
SELECT country FROM shop.customers EXCEPT SELECT segment FROM shop.customers
--- Syntax except
SELECT country FROM shop.customers EXCEPT ALL SELECT segment FROM shop.customers
--- Syntax intersect
SELECT country FROM shop.customers INTERSECT (SELECT segment FROM shop.customers)
--- Syntax union
SELECT 1 AS a UNION (SELECT 2 AS a UNION ALL SELECT 3)
--- Column s
SELECT SUM(total) s FROM shop.orders GROUP BY s
--- Column 2
SELECT status, COUNT(*) FROM shop.orders GROUP BY 1, 2
--- Column n
SELECT status, COUNT(*) + 1 AS n FROM shop.orders GROUP BY status, n

--- public.orders, public.users
select u.name, count(o.id) as orders, coalesce(sum(o.total), 0) as spent
from users u
left join orders o on o.user_id = u.id and o.placed_at >= now() - interval '30 days'
group by u.id, u.name
having count(o.id) > 2
order by spent desc nulls last
limit 20
--- public.order_items, public.products
select p.title, sum(i.quantity * i.unit_price) as revenue
from public.order_items as i
join public.products as p on p.id = i.product_id
group by 1
order by revenue desc
--- public.categories, public.products
with recursive tree as (
  select id, parent_id, name, 1 as depth, array[name] as path
  from categories where parent_id is null
  union all
  select c.id, c.parent_id, c.name, t.depth + 1, t.path || c.name
  from categories c join tree t on c.parent_id = t.id
)
select t.path[1] as root, t.depth, count(p.id)
from tree t left join products p on p.category_id = t.id
group by root, t.depth
--- public.orders, public.users
select u.email, last_order.total, last_order.placed_at
from users u
cross join lateral (
  select o.total, o.placed_at from orders o where o.user_id = u.id order by o.placed_at desc limit 1
) as last_order
--- public.orders
select date_trunc('week', placed_at)::date as week, status, count(*) filter (where total > 100) as large
from orders
group by week, status
order by week
--- public.orders
select (address).city, count(*) from orders where (orders.address).street ilike '%road%' group by (address).city
--- public.orders
select o.id, tag from orders o, unnest(o.tags) as tag where 'gift' = any(o.tags)
--- public.orders
select tags[1], array_length(tags, 1), tags[1:2], (string_to_array('a,b', ','))[1] from orders
--- audit.events
select payload->>'ip' as ip, payload->'user'->>'agent' as agent, payload #>> '{a,b}' as deep
from audit.events
where payload @> '{"kind": "login"}' and at > current_date - 7
--- audit.events, public.users
select distinct on (e.user_id) e.user_id, u.email, e.action, e.at
from audit.events e join users u on u.id = e.user_id
order by e.user_id, e.at desc
--- audit.events
select item.value->>'sku' as sku, entry->>'n', pos
from audit.events,
     jsonb_array_elements(payload->'items') as item,
     lateral jsonb_array_elements(payload->'more') with ordinality as more(entry, pos)
--- audit.events
select key, value from audit.events, jsonb_each_text(payload) where key = 'path'
--- public.orders
select day::date, coalesce(sum(o.total), 0) as revenue
from generate_series(timestamp '2024-01-01', timestamp '2024-01-31', interval '1 day') as day
left join orders o on date_trunc('day', o.placed_at) = day
group by day
--- public.orders
select id, total, rank() over w, sum(total) over (partition by user_id order by placed_at rows between unbounded preceding and current row) as running
from orders
window w as (partition by user_id order by total desc)
--- public.order_items, public.orders
select orders.id, order_items.quantity
from orders join order_items on orders.id = order_items.order_id
where orders.status = 'paid'::order_status
--- archive.orders, public.orders
select id, total from public.orders union all select id, total from archive.orders order by total
--- archive.orders, public.orders
select public.orders.id, archive.orders.total
from public.orders join archive.orders on archive.orders.id = public.orders.id
--- public.users
select v.code, u.name from (values ('kr', 1), ('de', 2)) as v(code, rank) join users u on u.country = v.code order by v.rank
--- public.Reports
select "Id", r."createdAt" from "Reports" r where "ownerId" is not null order by r."createdAt"
--- public.users
select count, max from (select country, count(*), max(created_at) from users group by country) as per_country where count > 10
--- public.users
select x.plan, x.seats from users u, jsonb_to_record(u.profile) as x(plan text, seats int) where x.seats > 3
--- public.order_items, public.orders, public.products
with lines as materialized (
  select i.order_id, p.sku, i.quantity from order_items i inner join products p on i.product_id = p.id
), big (order_id, pieces) as (select order_id, sum(quantity) from lines group by order_id)
select o.id, b.pieces, percentile_cont(0.5) within group (order by o.total) as median
from big b join orders o on o.id = b.order_id group by 1, 2
--- public.products
select title, ts_rank(search, websearch_to_tsquery('english', 'red shoe')) as score
from products where search @@ websearch_to_tsquery('english', 'red shoe')
order by score desc fetch first 5 rows only
--- public.users
select case when extract(year from age(created_at)) > 1 then 'old' else 'new' end, count(*)
from app.public.users group by grouping sets ((country), ()), 1
--- public.orders
select o.id, o.tags[1][2] from orders o
where (o.user_id, o.placed_at) in (select user_id, max(placed_at) from orders group by user_id)
--- public.orders, public.users
select u.name, to_jsonb(o.*) as line, count(*) over () from users u natural join lateral (select * from orders where user_id = u.id) o
--- public.orders
select id from orders where status = cast('paid' as order_status) or status = 'open'::public.order_status
--- public.orders
select id from orders where address = row('a', 'b')::address
--- public.orders
select placed_at + make_interval(days => 3) as due, extract('year' from placed_at) as y from orders
--- public.orders
select a.road, a.town from orders o cross join lateral unnest(array[o.address]) as a (road, town)
--- 
select 1 operator(pg_catalog.+) 2
--- public.orders
select $$a$$ as x from orders
--- public.orders
select $a$ $$ $a$ as x from orders
--- public.orders
select U&'d\0061t' as x from orders
---
values (1)
--- public.orders
select id from orders union all values (1)
--- public.shapes
select (p)[0], (l)[0], (b)[1], ((b)[1])[0], oids[0], ints[0] from shapes
--- public.shapes
select (point '(1,2)')[0], (lseg '((1,2),(3,4))')[0], (box '((1,2),(3,4))')[1], (center(b))[0] from shapes
--- public.shapes
select (enum_range(null::public.order_status))[1], (xpath('/a', x))[1] from shapes
--- public.shapes
select hostile.rng(1, 2), hostile.rng(1, 2, '[]') && rng from shapes
--- public.shapes
select x.* from shapes s, jsonb_to_record('{}') as x(a int)
--- public.orders
select (array_prepend('a', tags))[1], (array_replace(tags, 'a', 'b'))[1], (array_positions(tags, 'a'))[1], (trim_array(tags, 1))[1] from orders
--- public.orders
select (parse_ident('a.b'))[1], (tsvector_to_array('a'::tsvector))[1], (array_append(null, id))[1] from orders
--- public.orders
select (percentile_cont(array[0.5]) within group (order by total))[1], (mode() within group (order by tags))[1] from orders
--- public.orders
select concat_ws(',', variadic tags) from orders
---
select format('%s %s', variadic array['a', 'b'])
--- public.users
select id from users where (id, name) = any (select id, name from users)
--- public.users
select id from users where (id, name) <> all (select id, name from users)
--- public.users
select id from users where (id, 'a') = (select id, name from users limit 1) and true
--- public.users
select id from users where row(id, name) in (select id, name from users)
--- public.users
select (row(1, 2)).f1, ((id, name)).f2 from users
--- public.users
select (r).f2 from (select row(id, name) as r from users) q
--- public.users
select (row(u.*, 1)).f3 from users u
---
select a, b from unnest(array[row(1, 'x'::text)]) as u(a int, b text)
---
with t as (values (1)) table t
--- audit.events, public.users
(select id from users) except (select user_id from (table audit.events) e)
---
select g.* from generate_series(1, 3) g
---
select g.*, g.ordinality from unnest(array[1]) with ordinality g
--- public.users
select name collate "C", name collate "de-x-icu", name collate pg_catalog."default" from users
--- public.users
select to_tsvector('english', name), to_tsvector('pg_catalog.simple', name) from users

--- case
select "full name" from shop.customers
--- case2
select "ID" from shop.customers
--- wrong composite field
select (addr).zip from shop.customers
--- composite w/o parens
select addr.city from shop.customers
--- missing column
select nope from shop.ev
--- dropped
select b from shop.dropped
--- dot confusion
select x from "my.schema.t".x
--- dot confusion2
select z from "my.schema".plain
--- window in where
select id from shop.ev where row_number() over () = 1
--- alias in where
select id as x from shop.ev where x = 1
--- ambiguous
select id from shop.parent, shop.child
--- using missing
select * from shop.parent join shop.ev using (name)
--- missing qualified
select e.nope from shop.ev e
--- alias hides table
select ev.id from shop.ev e
--- reserved bare
select order from shop.sysname
--- reserved table
select * from shop.user
--- digit
select 1st from shop.ev
--- string as table
select * from 'shop.ev'
--- backticks
select `id` from shop.ev
--- bq function
select safe_divide(1, 2)
--- date_diff
select date_diff(at, at, day) from shop.ev
--- double-colon unknown type
select id::int64 from shop.ev
--- type literal unknown
select string 'x'
--- except star
select * except (id) from shop.ev
--- qualify
select id from shop.ev qualify row_number() over (order by id) = 1
--- pipe
from shop.ev |> where id > 1
--- unnest non array
select * from shop.ev e, unnest(e.region) u
--- field of scalar
select (id).x from shop.ev
--- composite missing
select (addrs[1]).zip from shop.customers
--- using
select * from shop.ev join shop.customers using (region)
--- column count
select id from shop.ev union select id, region from shop.ev
--- order by position
select id from shop.ev order by 3
--- unknown window
select sum(id) over w from shop.ev
--- subquery columns
select (select id, region from shop.ev)
--- case folded
select Größe2 from shop.customers
--- quoted case
select "Region" from shop.ev
--- secret column of join
select s.ssnx from shop.secret s
--- similarity arity is fine; unknown fn
select similarty('a', 'b')
--- ambiguous lateral
select at from shop.ev a, shop.ev b
--- duplicate alias
select 1 from shop.ev e, shop.parent e
--- cte missing
with a as (select 1 as x) select y from a
--- cte columns
with a(x, y) as (select 1) select x from a
--- not a query
explain select 1
--- copy
copy shop.ev to stdout
--- column before dot
select tags.x from shop.customers
--- unknown schema function
select hr.f(1)
--- window where
select id from shop.ev where rank() over (order by id) = 1
--- missing in on
select 1 from shop.ev e join shop.parent p on e.id = p.nope
--- group alias missing
select region from shop.ev group by regio
--- having missing
select region from shop.ev group by region having max(nope) > 1
--- param
select id from shop.ev where id = $1
--- array field
select tags.city from shop.customers
--- grant
grant select on shop.ev to public

--- Column username
select username from users
--- Column u.country_code
select u.country_code, count(*) from users u group by 1
--- Column o.amount
select sum(o.amount) from orders o
--- Column customer_id
select * from orders join users on users.id = orders.customer_id
--- Column i.discount
select i.quantity * (1 - i.discount) from order_items i
--- Column product_name
select product_name from products where price > 10
--- Column deleted_at
select count(*) from users where deleted_at is null
--- Column c.slug
select c.slug from categories c order by c.name
--- Table customers
select * from customers
--- Table public.order
select * from public.order_lines
--- Table sales.orders
select * from sales.orders
--- Table other.public.users
select * from other.public.users
--- Table pg_user
select * from pg_user
--- Table pg_catalog.pg_tables
select * from pg_catalog.pg_tables
--- Table information_schema.columns
select column_name from information_schema.columns
--- Table pg_stat_activity
select query from pg_stat_activity
--- Table reports
select * from Reports
--- Column id
select id from "Reports"
--- Column createdat
select createdAt from "Reports"
--- Column "Email"
select "Email" from users
--- Ambiguous sessions
select * from sessions
--- Ambiguous id
select id from users join orders on users.id = orders.user_id
--- Ambiguous total
select total from orders o join archive.orders a on a.id = o.id
--- Ambiguous u
select 1 from users u join orders u on true
--- Column email
select email from orders
--- Column users
select users.email from users u
--- Column latest.status
select latest.status from users u, lateral (select o.total from orders o where o.user_id = u.id) latest
--- Column u.id
select * from users u join (select * from orders o where o.user_id = u.id) x on true
--- Column spent
with totals as (select user_id, sum(total) as revenue from orders group by user_id) select user_id from totals where spent > 10
--- Column t.depth
with recursive t as (select id, parent_id from categories union all select c.id, c.parent_id from categories c join t on c.parent_id = t.id) select t.depth from t
--- Column b.sku
with b (order_id, pieces) as (select order_id, sum(quantity) from order_items group by 1) select b.sku from b
--- Column
with b (a, b, c) as (select order_id, product_id from order_items) select a from b
--- Column a
select total as a from orders where a > 1
--- Column big
select total > 100 as big, count(*) from orders group by total having big
--- Column spend
select user_id, sum(total) as spend from orders group by user_id order by spend * 2
--- Field (address).zip
select (address).zip from orders
--- Field (country).code
select (country).code from users
--- Field name
select name[1] from users
--- Column y
select y from generate_series(1, 10) as x
--- Column x.seats
select x.seats from users u, jsonb_to_record(u.profile) as x(plan text)
--- Column v.rank
select v.rank from (values ('kr'), ('de')) as v(code)
--- Repeated user_id
select s from orders, unnest(user_id) as s
--- Name by_user
select sum(total) over by_user from orders
--- Type order_state
select id from orders where status = 'paid'::order_state
--- Function ifnull
select ifnull(name, '') from users
--- Function date_format
select date_format(created_at, '%Y') from users
--- Function pg_read_file
select pg_read_file('/etc/passwd')
--- Function pg_sleep
select pg_sleep(10), id from users
--- Function set_config
select set_config('search_path', 'audit', false)
--- Function lo_import
select lo_import('/etc/passwd')
--- Function dblink
select * from dblink('host=other', 'select 1') as t(a int)
--- Function pg_ls_dir
select * from pg_ls_dir('.') as f
--- Function nextval
select nextval('orders_id_seq')
--- Function pg_terminate_backend
select pg_terminate_backend(1)
--- Function query_to_xml
select query_to_xml('select * from users', true, false, '')
--- Function current_setting
select current_setting('data_directory')
--- Function pg_advisory_lock
select pg_advisory_lock(1)
--- Function my_schema.risk
select my_schema.risk(id) from users
--- NotReadOnly
delete from users
--- NotReadOnly
update users set name = 'x'
--- NotReadOnly
insert into users (id) values (1)
--- NotReadOnly
with gone as (delete from orders returning id) select * from gone
--- NotReadOnly
with changed as (update users set name = '' returning id) select id from changed
--- NotReadOnly
with made as (insert into users (id) values (1) returning id) select id from made
--- NotReadOnly into
select * into backup from users
--- NotReadOnly for update
select * from users for update
--- NotReadOnly for update
select * from orders where id = 1 for share
--- NotReadOnly
truncate users
--- NotReadOnly
copy users to '/tmp/users'
--- NotReadOnly
explain analyze delete from users
--- NotReadOnly
set role postgres
--- NotReadOnly
select 1; select 2
--- NotReadOnly
create temp table t as select 1
--- Syntax
select id from users where
--- Syntax
select `id` from `users`
--- Unsupported qualify
select id from orders qualify row_number() over (order by total) = 1
--- Unsupported regclass
select 'users'::regclass
--- Unsupported parameter
select id from users where id = $1
--- Syntax
select * except (email) from users
--- Column "paid"
select id from orders where status = "paid"
--- Column shipping_city
select (o.address).city, o.shipping_city from orders o
--- Column at
select at from orders
--- Column order_items.total
select order_items.total from orders join order_items on order_items.order_id = orders.id
--- Column users.phone
select public.users.phone from public.users
--- Column placed
select date_trunc('month', placed) from orders
--- Column parent
select a.name from categories a join categories b on a.parent = b.id
--- Column tax
select sum(total) filter (where tax > 0) from orders
--- Name fortnight
select extract(fortnight from placed_at) from orders
--- Column a.id
select a.id from users a, orders b join products p on a.id = p.id
--- Column
select id from orders where (user_id, total) in (select user_id from users)
--- Type evil
select * from jsonb_to_recordset('[{"a":1}]') as t(a int, b evil)
--- Unsupported "a literal right after a literal"
select E'a'
'\' -- ', password from hr.employees -- '
as x from orders
--- Unsupported "U&"
select U&"\0069d" from orders
--- Unsupported "this way to quote"
select x'\' as a, ' from orders -- ' as b from users
--- TooLarge repeat
select length(repeat('a', 1000000000)) from orders
--- TooLarge repeat
select repeat(repeat('a', 1000), 1000) from orders
--- TooLarge repeat
select repeat(a.b, 1000) from (select repeat('a', 1000) as b) as a
--- TooLarge repeat
select repeat('a', n.n) from (select 1000000000 as n) as n
--- TooLarge lpad
select lpad('a', 500000000, 'b') from orders
--- TooLarge rpad
select rpad('a', 10 * 50000000) from orders
--- TooLarge factorial
select factorial(30000) from orders
--- TooLarge format
select format('%500000000s', 'a') from orders
--- TooLarge format
select format('%*s', 500000000, 'a') from orders
--- Function array_fill
select array_fill(1, array[100000000]) from orders
--- Name yeer
select extract('yeer' from placed_at) from orders
--- Column 4
select id from orders order by 4
--- Syntax join
select 1 from orders o join users u
--- Unsupported "U&"
select U&"!0069d" uescape '!' from orders
--- Unsupported "U&"
select U&"i\0000d" from orders
--- Column
select id from users where (id, name) = any (select id from users)
--- Column
select id from users where (id, name) = (select id, name, email from users limit 1)
--- Column
select id from users where row(id, name) in (select id from users)
--- Field f3
select (row(1, 2)).f3
--- Field f2
select (r).f2 from (select row(id) as r from users) q
--- Column name
select name.* from categories c
--- Field anything
select (profile).anything from users
--- Name staff.secret
select name collate "staff"."secret" from users
--- Name staff.secret
select to_tsvector('staff.secret', name) from users
--- Name =
select id operator(staff.=) 1 from users
--- Function hostile.range
select hostile.range(1, 2)
--- Column n
select country, count(*) as n from users group by country, n
--- Column 2
select country, count(*) from users group by 1, 2

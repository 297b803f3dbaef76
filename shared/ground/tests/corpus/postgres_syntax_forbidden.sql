--- info
select table_name from information_schema.tables
--- dml
with d as (delete from shop.parent returning id) select * from d
--- into
select id into x from shop.parent
--- fn read file
select pg_read_file('/etc/passwd')
--- dblink
select * from dblink('x','select 1') as t(a int)
--- cast regclass
select 'pg_authid'::regclass
--- regclass
select 'shop.ev'::regclass::oid
--- pg_catalog
select * from pg_catalog.pg_class
--- pg_stat
select * from pg_stat_activity
--- read file
select pg_read_file('x')
--- ls dir
select * from pg_ls_dir('.')
--- query_to_xml
select query_to_xml('select 1', true, true, '')
--- lo
select lo_get(1)
--- sleep
select pg_sleep(1)
--- setting
select current_setting('data_directory')
--- set_config
select set_config('a.b', 'c', false)
--- ts_stat
select * from ts_stat('select tsq from shop.customers')
--- update cte
with u as (update shop.parent set name = 'x' returning id) select id from u
--- for update
select id from shop.parent for update
--- two
select 1; select 2
--- nextval
select nextval('shop.un_id_seq')
--- sequence
select last_value from shop.un_id_seq
--- dblink like
select * from dblink_exec('x')
--- table function unknown
select * from crosstab('select 1') as t(a int)

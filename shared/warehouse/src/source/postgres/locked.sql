-- The tables, views and sequences among the locked relations $1: each with its partitioned table if it is a
-- partition, and whether another one of them leads to it. A view leads to what it reads, a table to its
-- partitions and heirs, and to what the policies of its rows read.
with led_to (relation) as (
  select needed.refobjid
  from pg_rewrite as rule
  join pg_depend as needed
    on needed.classid = 'pg_rewrite'::regclass and needed.objid = rule.oid
   and needed.refclassid = 'pg_class'::regclass
  where rule.ev_class = any ($1) and rule.ev_type = '1' and needed.refobjid <> rule.ev_class
  union
  select needed.refobjid
  from pg_policy as policy
  join pg_depend as needed
    on needed.classid = 'pg_policy'::regclass and needed.objid = policy.oid
   and needed.refclassid = 'pg_class'::regclass
  where policy.polrelid = any ($1) and needed.refobjid <> policy.polrelid
  union
  select inhrelid
  from pg_inherits
  where inhparent = any ($1)
)
select distinct
    current_database()::text as database,
    root_schema.nspname::text as schema,
    root.relname::text as name,
    case when root.oid <> class.oid then schema.nspname::text end as partition_schema,
    case when root.oid <> class.oid then class.relname::text end as partition,
    class.oid in (select relation from led_to) as is_beneath
from pg_class as class
join pg_namespace as schema on schema.oid = class.relnamespace
join pg_class as root on root.oid = coalesce(pg_partition_root(class.oid), class.oid)
join pg_namespace as root_schema on root_schema.oid = root.relnamespace
where class.oid = any ($1) and class.relkind in ('r', 'p', 'v', 'm', 'f', 'S')
order by schema, name, partition_schema nulls first, partition

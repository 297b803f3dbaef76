-- The tables that the relations $1 inherit from, and those that inherit from them at any depth, as far as
-- we may read them. Partitions are parts of their table.
with recursive
heir(ancestor, oid) as (
  select inhparent, inhrelid
  from pg_inherits
  where inhparent = any ($1)
  union
  select heir.ancestor, child.inhrelid
  from heir
  join pg_inherits as child on child.inhparent = heir.oid
),
link(relation, other, is_parent, place) as (
  select inhrelid, inhparent, true, inhseqno
  from pg_inherits
  where inhrelid = any ($1)
  union all
  select ancestor, oid, false, 0
  from heir
)
select link.relation,
       link.is_parent,
       schema.nspname::text as schema,
       other.relname::text as name
from link
join pg_class as other on other.oid = link.other and not other.relispartition
join pg_namespace as schema on schema.oid = other.relnamespace
where has_schema_privilege(schema.oid, 'usage')
  and (has_table_privilege(other.oid, 'select') or has_any_column_privilege(other.oid, 'select'))
order by link.relation, link.is_parent, link.place, schema, name

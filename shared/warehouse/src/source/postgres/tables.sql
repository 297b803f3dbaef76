-- Each relation of the schemas $1 (null: all but the system's), whether or not we may name or read
-- it. Partitions count for their parent; what an extension brought is its own business. A privilege is
-- null for what was dropped after the snapshot.
with recursive
relation as (
  select class.oid, class.relname, class.relkind, schema.nspname,
         coalesce(has_schema_privilege(schema.oid, 'usage'), false) as usable
  from pg_class as class
  join pg_namespace as schema on schema.oid = class.relnamespace
  where class.relkind in ('r', 'p', 'v', 'm', 'f')
    and schema.nspname !~ '^pg_'
    and schema.nspname <> 'information_schema'
    and ($1::text[] is null or schema.nspname = any($1))
    and not exists (
      select from pg_depend
      where classid = 'pg_class'::regclass and objid = class.oid and deptype = 'e')
    -- A partition that we may read is a table of its own if none of those above it is read.
    and (not class.relispartition
         or (has_schema_privilege(schema.oid, 'usage') is true
             and (has_table_privilege(class.oid, 'select')
                  or has_any_column_privilege(class.oid, 'select')) is true
             and not exists (
               select from pg_partition_ancestors(class.oid) as above (oid)
               join pg_class as ancestor on ancestor.oid = above.oid
               join pg_namespace as place on place.oid = ancestor.relnamespace
               where ancestor.oid <> class.oid
                 and ($1::text[] is null or place.nspname = any ($1))
                 and has_schema_privilege(place.oid, 'usage') is true
                 and (has_table_privilege(ancestor.oid, 'select')
                      or has_any_column_privilege(ancestor.oid, 'select')) is true)))
),
-- A table and what a query of it also reads: its partitions and the tables that inherit from it, at any
-- depth and each once.
part(root, oid) as (
  select oid, oid
  from relation
  where relkind not in ('v')
  union
  select part.root, child.inhrelid
  from part
  join pg_inherits as child on child.inhparent = part.oid
),
-- The planner's estimates, which cost nothing and lock nothing; -1 is "never counted".
size as (
  select part.root,
         sum(class.reltuples::float8) as tuples,
         sum((class.relpages + coalesce(toast.relpages, 0))::float8)
           filter (where class.relkind in ('r', 'm'))
           * current_setting('block_size')::int as bytes
  from part
  join pg_class as class on class.oid = part.oid
  left join pg_class as toast on toast.oid = class.reltoastrelid
  where class.relkind <> 'p' and class.reltuples >= 0
  group by part.root
)
select relation.oid,
       relation.nspname::text as schema,
       relation.relname::text as name,
       relation.relkind::text as kind,
       format('%I.%I', relation.nspname, relation.relname) as quoted,
       relation.usable,
       relation.usable
         and coalesce(has_table_privilege(relation.oid, 'select')
                      or has_any_column_privilege(relation.oid, 'select'), false) as readable,
       -- As much as a document holds, and one character to tell that there is more.
       left(comment.description, 16385) as description,
       size.tuples,
       size.bytes,
       case partition.partstrat
         when 'r' then 'RANGE' when 'l' then 'LIST' when 'h' then 'HASH'
       end as partition_unit,
       -- One column by its bare name; several, and expressions, as they are written. None if it needs a
       -- column that we may not read. In the catalog, each column of a key depends on the table.
       case
         when exists (
           select from pg_depend as needed
           where needed.classid = 'pg_class'::regclass and needed.objid = relation.oid
             and needed.refclassid = 'pg_class'::regclass and needed.refobjid = relation.oid
             and needed.objsubid > 0 and needed.refobjsubid = 0 and needed.deptype = 'i'
             and has_column_privilege(relation.oid, needed.objsubid::int2, 'select') is not true)
           then null
         when 0 = any (partition.partattrs::int2[])
           then substring(pg_get_partkeydef(relation.oid) from '\((.*)\)$')
         else (
           select case
                    when count(*) = 1 then min(attribute.attname::text)
                    else string_agg(quote_ident(attribute.attname), ', ' order by key.place)
                  end
           from unnest(partition.partattrs::int2[]) with ordinality as key (number, place)
           join pg_attribute as attribute
             on attribute.attrelid = relation.oid and attribute.attnum = key.number)
       end as partition_key
from relation
left join size on size.root = relation.oid
left join pg_partitioned_table as partition on partition.partrelid = relation.oid
left join pg_description as comment
  on comment.objoid = relation.oid
 and comment.classoid = 'pg_class'::regclass
 and comment.objsubid = 0
order by relation.nspname, relation.relname

-- The names that no text may mention: of schemas that we may not use, and of tables, views and sequences
-- that we may not read.
select nspname::text as name
from pg_namespace
where has_schema_privilege(oid, 'usage') is not true
  and nspname !~ '^pg_'
union
select class.relname::text
from pg_class as class
join pg_namespace as schema on schema.oid = class.relnamespace
where class.relkind in ('r', 'p', 'v', 'm', 'f', 'S')
  and schema.nspname !~ '^pg_'
  and schema.nspname <> 'information_schema'
  and not (has_schema_privilege(schema.oid, 'usage') is true
           and case class.relkind
                 when 'S' then has_sequence_privilege(class.oid, 'select, usage')
                 else has_table_privilege(class.oid, 'select')
                      or has_any_column_privilege(class.oid, 'select')
               end is true)

-- The names that no text may mention, because only what we may not see has them: schemas that we may not
-- use and what is in them, tables, views and sequences that we may not read, unless a sequence belongs to
-- a column that we may read, functions that we may not
-- execute, foreign servers and their wrappers. Of the names $1 only, then with those of columns and of what
-- Postgres itself has; null for all. What an extension brought has the names of its documentation.
with
named (name, class, object, is_system, visible) as (
  select nspname, 'pg_namespace'::regclass, oid, nspname ~ '^(pg_|information_schema$)',
         has_schema_privilege(oid, 'usage') is true
  from pg_namespace
  where $1::text[] is null or nspname = any ($1)
  union all
  select class.relname, 'pg_class'::regclass, class.oid, schema.nspname ~ '^(pg_|information_schema$)',
         has_schema_privilege(schema.oid, 'usage') is true
           and case class.relkind
                 -- That of a serial or identity column is part of the column.
                 when 'S' then has_sequence_privilege(class.oid, 'select, usage')
                      or exists (
                        select from pg_depend as owned
                        where owned.classid = 'pg_class'::regclass
                          and owned.objid = class.oid
                          and owned.objsubid = 0
                          and owned.deptype in ('a', 'i')
                          and owned.refclassid = 'pg_class'::regclass
                          and owned.refobjsubid > 0
                          and has_column_privilege(
                            owned.refobjid, owned.refobjsubid::smallint, 'select'))
                 when 'c' then true
                 else has_table_privilege(class.oid, 'select')
                      or has_any_column_privilege(class.oid, 'select')
               end is true
  from pg_class as class
  join pg_namespace as schema on schema.oid = class.relnamespace
  where class.relkind in ('r', 'p', 'v', 'm', 'f', 'S', 'c')
    and ($1 is null or class.relname = any ($1))
  union all
  select attribute.attname, 'pg_class'::regclass, class.oid, schema.nspname ~ '^(pg_|information_schema$)',
         has_schema_privilege(schema.oid, 'usage') is true
           and (class.relkind = 'c'
                or has_column_privilege(class.oid, attribute.attnum, 'select') is true)
  from pg_attribute as attribute
  join pg_class as class on class.oid = attribute.attrelid
  join pg_namespace as schema on schema.oid = class.relnamespace
  where attribute.attname = any ($1)
    and attribute.attnum > 0
    and not attribute.attisdropped
    and class.relkind in ('r', 'p', 'v', 'm', 'f', 'c')
  union all
  -- Row types are named like their tables, and array types after their elements.
  select type.typname, 'pg_type'::regclass, type.oid, schema.nspname ~ '^(pg_|information_schema$)',
         has_schema_privilege(schema.oid, 'usage') is true
  from pg_type as type
  join pg_namespace as schema on schema.oid = type.typnamespace
  where type.typrelid = 0
    and not exists (select from pg_type as element where element.typarray = type.oid)
    and ($1 is null or type.typname = any ($1))
  union all
  select function.proname, 'pg_proc'::regclass, function.oid, schema.nspname ~ '^(pg_|information_schema$)',
         has_schema_privilege(schema.oid, 'usage') is true
           and has_function_privilege(function.oid, 'execute') is true
  from pg_proc as function
  join pg_namespace as schema on schema.oid = function.pronamespace
  where $1 is null or function.proname = any ($1)
  union all
  select own_collation.collname, 'pg_collation'::regclass, own_collation.oid, schema.nspname ~ '^(pg_|information_schema$)',
         has_schema_privilege(schema.oid, 'usage') is true
  from pg_collation as own_collation
  join pg_namespace as schema on schema.oid = own_collation.collnamespace
  where $1 is null or own_collation.collname = any ($1)
  union all
  select srvname, 'pg_foreign_server'::regclass, oid, false,
         has_server_privilege(oid, 'usage') is true
  from pg_foreign_server
  where $1 is null or srvname = any ($1)
  union all
  select fdwname, 'pg_foreign_data_wrapper'::regclass, oid, false,
         has_foreign_data_wrapper_privilege(oid, 'usage') is true
  from pg_foreign_data_wrapper
  where $1 is null or fdwname = any ($1)
),
counted as (
  select *
  from named
  where $1 is not null or not is_system
)
select distinct hidden.name::text as name
from counted as hidden
where not hidden.visible
  and not hidden.is_system
  and not exists (
    select from pg_depend as member
    where member.classid = hidden.class and member.objid = hidden.object and member.deptype = 'e'
      -- A wrapper is created with its extension.
      and hidden.class <> 'pg_foreign_data_wrapper'::regclass)
  and not exists (
    select from counted as seen
    where seen.name = hidden.name and seen.visible)

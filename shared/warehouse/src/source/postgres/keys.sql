-- The primary and foreign keys of the relations $1, but those that partitioning made of another, and those
-- with a column on either side that we may not read.
select key.conrelid as relation,
       key.contype = 'p' as is_primary,
       array(
         select attribute.attname::text
         from unnest(key.conkey) with ordinality as part (number, place)
         join pg_attribute as attribute
           on attribute.attrelid = key.conrelid and attribute.attnum = part.number
         order by part.place
       ) as columns,
       schema.nspname::text as referenced_schema,
       referenced.relname::text as referenced_table,
       array(
         select attribute.attname::text
         from unnest(key.confkey) with ordinality as part (number, place)
         join pg_attribute as attribute
           on attribute.attrelid = key.confrelid and attribute.attnum = part.number
         order by part.place
       ) as referenced_columns
from pg_constraint as key
left join pg_class as referenced on referenced.oid = key.confrelid
left join pg_namespace as schema on schema.oid = referenced.relnamespace
where key.conrelid = any ($1)
  and key.contype in ('p', 'f')
  and key.conparentid = 0
  and not exists (
    select from unnest(key.conkey) as part (number)
    where has_column_privilege(key.conrelid, part.number, 'select') is not true)
  and (key.contype = 'p' or has_schema_privilege(referenced.relnamespace, 'usage'))
  and not exists (
    select from unnest(key.confkey) as part (number)
    where has_column_privilege(key.confrelid, part.number, 'select') is not true)
order by key.conrelid, key.conname

-- Whether the names $1 reveal a column that we may not read. A row type needs no permission to read its
-- table: `(null::people).*` has all its columns. A name reveals a column if it belongs to a table that the
-- query mentions among the words $2, or whose row type a column of the locked relations $3 has, or if
-- nothing that we may read has the same name.
with recursive
used (oid) as (
  select atttypid
  from pg_attribute
  where attrelid = any ($3) and attnum > 0 and not attisdropped
  union
  select next.oid
  from used
  join pg_type as type on type.oid = used.oid
  cross join lateral (
    select type.typelem where type.typelem <> 0
    union all
    select type.typbasetype where type.typtype = 'd'
    union all
    select atttypid
    from pg_attribute
    where type.typtype = 'c' and attrelid = type.typrelid and attnum > 0 and not attisdropped
  ) as next (oid)
),
named as (
  select attribute.attname,
         class.relname,
         class.reltype,
         has_schema_privilege(class.relnamespace, 'usage') is true
           and (class.relkind = 'c'
                or has_column_privilege(class.oid, attribute.attnum, 'select') is true) as readable
  from pg_attribute as attribute
  join pg_class as class on class.oid = attribute.attrelid
  where attribute.attname = any ($1)
    and attribute.attnum > 0
    and not attribute.attisdropped
    and class.relkind in ('r', 'p', 'v', 'm', 'f', 'c')
)
select exists (
  select
  from named as hidden
  where not hidden.readable
    and (hidden.relname = any ($2)
         or hidden.reltype in (select oid from used)
         or not exists (
           select from named as seen
           where seen.attname = hidden.attname and seen.readable))
) as reveals

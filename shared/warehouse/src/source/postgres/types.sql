-- The types that the columns of the relations $1 lead to, through arrays, domains and composites: those
-- that are not the end of the road, enums, those that we may not name, and those that somebody described.
with recursive
-- `oidvector` and `int2vector` have elements as well, but only an array is the array type of its element.
array_type(oid, element) as (
  select typarray, oid
  from pg_type
  where typarray <> 0
),
used(oid) as (
  select atttypid
  from pg_attribute
  where attrelid = any ($1) and attnum > 0 and not attisdropped
  union
  select next.oid
  from used
  join pg_type as type on type.oid = used.oid
  cross join lateral (
    select element from array_type where array_type.oid = type.oid
    union all
    select type.typbasetype where type.typtype = 'd'
    union all
    select atttypid
    from pg_attribute
    where type.typtype = 'c'
      and attrelid = type.typrelid and attnum > 0 and not attisdropped
  ) as next (oid)
),
-- A type is ours to name if its schema is. The row type of a table goes with the table.
named as (
  select type.*,
         array_type.element,
         has_schema_privilege(type.typnamespace, 'usage') is true
           and (type.typtype <> 'c' or owner.relkind = 'c'
                or has_table_privilege(owner.oid, 'select')
                or has_any_column_privilege(owner.oid, 'select')) is true as usable
  from used
  join pg_type as type on type.oid = used.oid
  left join array_type on array_type.oid = type.oid
  left join pg_class as owner on owner.oid = type.typrelid
)
select type.oid,
       case
         when type.typtype = 'd' then 'domain'
         when type.typtype = 'c' then 'composite'
         when type.typtype = 'e' then 'enum'
         when type.element is not null then 'array'
         else 'other'
       end as kind,
       type.usable,
       -- None if even that is hidden. What an extension brought has the names of its documentation.
       case
         when type.usable or exists (
             select from pg_depend
             where classid = 'pg_type'::regclass and objid = type.oid and deptype = 'e')
           then type.typname::text
       end as name,
       -- Of a domain its base type, of an array its element's.
       case when type.typtype = 'd' then type.typbasetype else coalesce(type.element, 0) end as inner_type,
       format_type(type.typbasetype, type.typtypmod) as base_name,
       type.typnotnull as required,
       type.typrelid as relation,
       array(
         select enumlabel::text
         from pg_enum
         where enumtypid = type.oid
         order by enumsortorder
         limit 1001
       ) as labels,
       -- As much as a document holds, and one character to tell that there is more.
       left(comment.description, 16385) as description
from named as type
left join pg_description as comment
  on comment.objoid = type.oid
 and comment.classoid = 'pg_type'::regclass
 and comment.objsubid = 0
 and type.typnamespace <> 'pg_catalog'::regnamespace
 and type.usable
where type.typtype in ('c', 'd', 'e')
   or type.element is not null
   or not type.usable
   or comment.description is not null

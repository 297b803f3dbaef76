-- The types that the columns of the relations $1 lead to, through arrays, domains and composites:
-- those that are not the end of the road, and those that somebody described.
with recursive
used(oid) as (
  select atttypid
  from pg_attribute
  where attrelid = any ($1) and attnum > 0 and not attisdropped
  union
  select next.oid
  from used
  join pg_type as type on type.oid = used.oid
  cross join lateral (
    select type.typelem where type.typcategory = 'A' and type.typelem <> 0
    union all
    select type.typbasetype where type.typtype = 'd'
    union all
    select atttypid
    from pg_attribute
    where type.typtype = 'c'
      and attrelid = type.typrelid and attnum > 0 and not attisdropped
  ) as next (oid)
)
select type.oid,
       case
         when type.typtype = 'd' then 'domain'
         when type.typtype = 'c' then 'composite'
         when type.typcategory = 'A' and type.typelem <> 0 then 'array'
         else 'other'
       end as kind,
       -- Of a domain its base type, of an array its element's.
       case when type.typtype = 'd' then type.typbasetype else type.typelem end as inner_type,
       format_type(type.typbasetype, type.typtypmod) as base_name,
       type.typnotnull as required,
       type.typrelid as relation,
       -- As much as a document holds, and one character to tell that there is more.
       left(comment.description, 16385) as description
from used
join pg_type as type on type.oid = used.oid
left join pg_description as comment
  on comment.objoid = type.oid
 and comment.classoid = 'pg_type'::regclass
 and comment.objsubid = 0
 and type.typnamespace <> 'pg_catalog'::regnamespace
where type.typtype in ('c', 'd')
   or type.typcategory = 'A'
   or comment.description is not null

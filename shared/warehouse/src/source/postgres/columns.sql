-- The columns of the relations $1 that we may read; a composite type's relation needs no right.
select attribute.attrelid as relation,
       attribute.attname::text as name,
       attribute.atttypid as type,
       format_type(attribute.atttypid, attribute.atttypmod) as type_name,
       attribute.attnotnull as required,
       -- As much as a document holds, and one character to tell that there is more.
       left(comment.description, 16385) as description
from pg_attribute as attribute
join pg_class as class on class.oid = attribute.attrelid
left join pg_description as comment
  on comment.objoid = attribute.attrelid
 and comment.classoid = 'pg_class'::regclass
 and comment.objsubid = attribute.attnum
where attribute.attrelid = any ($1)
  and attribute.attnum > 0
  and not attribute.attisdropped
  and (class.relkind = 'c' or has_column_privilege(class.oid, attribute.attnum, 'select'))
order by attribute.attrelid, attribute.attnum

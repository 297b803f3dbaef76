-- The columns of the relations $1, and whether we may read them; a composite type's relation needs no
-- right.
select attribute.attrelid as relation,
       attribute.attname::text as name,
       class.relkind = 'c'
         or has_column_privilege(class.oid, attribute.attnum, 'select') is true as readable,
       attribute.atttypid as type,
       format_type(attribute.atttypid, attribute.atttypmod) as type_name,
       attribute.attnotnull as required,
       -- The expression of a generated column is not a default. A longer one helps nobody.
       case
         when attribute.attgenerated = '' and octet_length(value.expression) <= 1000
           then value.expression
       end as default_expression,
       -- Only a collation that the type does not have by itself; null for its schema is `pg_catalog`.
       own_collation.collname::text as collation,
       nullif(collation_schema.nspname, 'pg_catalog')::text as collation_schema,
       -- As much as a document holds, and one character to tell that there is more.
       left(comment.description, 16385) as description
from pg_attribute as attribute
join pg_class as class on class.oid = attribute.attrelid
join pg_type as type on type.oid = attribute.atttypid
left join pg_attrdef as filled
  on filled.adrelid = attribute.attrelid and filled.adnum = attribute.attnum
left join lateral pg_get_expr(filled.adbin, filled.adrelid) as value (expression) on true
left join pg_collation as own_collation
  on own_collation.oid = attribute.attcollation
 and own_collation.collname <> 'default'
 and not (type.typnamespace = 'pg_catalog'::regnamespace
          and type.typcollation = attribute.attcollation)
left join pg_namespace as collation_schema on collation_schema.oid = own_collation.collnamespace
left join pg_description as comment
  on comment.objoid = attribute.attrelid
 and comment.classoid = 'pg_class'::regclass
 and comment.objsubid = attribute.attnum
where attribute.attrelid = any ($1)
  and attribute.attnum > 0
  and not attribute.attisdropped
order by attribute.attrelid, attribute.attnum

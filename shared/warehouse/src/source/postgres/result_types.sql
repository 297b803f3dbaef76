-- The names of the types $1 with the modifiers $2. A type that we may not name has a stand-in: that of a
-- schema that we may not use, and the row type of a table that we may not read.
select case
         when has_schema_privilege(element.typnamespace, 'usage') is not false
              and (owner.oid is null or owner.relkind = 'c'
                   or has_table_privilege(owner.oid, 'select')
                   or has_any_column_privilege(owner.oid, 'select'))
           then format_type(result.type, result.modifier)
         else case element.typtype
                when 'e' then 'enum'
                when 'c' then 'record'
                else case
                       when exists (
                           select from pg_depend
                           where classid = 'pg_type'::regclass and objid = element.oid
                             and deptype = 'e')
                         then element.typname::text
                       else 'USER-DEFINED'
                     end
              end || case when element.oid <> result.type then '[]' else '' end
       end as name
from unnest($1::oid[], $2::int4[]) with ordinality as result (type, modifier, place)
left join pg_type as array_of on array_of.typarray = result.type
left join pg_type as element on element.oid = coalesce(array_of.oid, result.type)
left join pg_class as owner on owner.oid = element.typrelid
order by result.place

-- The queries of the views $1 of which we may read every table. The right to read some columns is not enough:
-- the text may list the others as well.
select view.oid, pg_get_viewdef(view.oid, true) as definition
from pg_class as view
where view.oid = any ($1)
  and view.relkind in ('v', 'm')
  and not exists (
    select from pg_rewrite as rule
    join pg_depend as needed
      on needed.classid = 'pg_rewrite'::regclass and needed.objid = rule.oid
    where rule.ev_class = view.oid
      and needed.refclassid = 'pg_class'::regclass
      and needed.refobjid <> view.oid
      and has_table_privilege(needed.refobjid, 'select') is not true)

-- Where we are, who we are, and which of the named schemas ($1) there are.
select current_database()::text as database,
       quote_ident(current_user) as role,
       array(
         select nspname::text
         from pg_namespace
         where nspname = any($1)
       ) as existing,
       array(
         select nspname::text
         from pg_namespace
         where nspname = any($1) and has_schema_privilege(oid, 'usage')
       ) as usable

--- any with operator
select id from shop.customers where email ~ any(array['x','y'])
--- subqueries in parentheses
select id from shop.parent where id in ((select id from shop.child) union (select id from shop.un))
--- json question mark
select id from shop.customers where j?'key'
--- jsonops
select j->'a'->>'b', j #>> '{a,b}', j @> '{"a":1}', j ?| array['a','b'], j ?& array['a'], j @? '$.a', j @@ '$.a == 1', j - 'a' from shop.customers
--- starts with
select id from shop.customers where "Full Name" ^@ 'foo'
--- casts in parentheses
select (2)::float/(3)::float
--- composite alias
select (c.addr).city, ((c.addrs)[1]).tags[1] from shop.customers c
--- composite star
select (addr).* from shop.customers
--- hstore
select kv->'a', kv ? 'a', akeys(kv) from shop.customers
--- hstore each
select k.key, k.value from shop.customers c, each(c.kv) as k
--- ltree lquery
select id from shop.customers where path ~ 'a.*'
--- trgm
select similarity("Full Name", 'x') s from shop.customers where "Full Name" % 'x' order by "Full Name" <-> 'x' limit 3
--- multirange
select * from (select unnest(spans) r from shop.customers) q where lower(r) > 1
--- tsvector
select ts_rank(tsq, to_tsquery('simple','a & b')) from shop.customers where tsq @@ plainto_tsquery('x')
--- filter
select count(*) filter (where region = 'kr') as kr, percentile_cont(0.5) within group (order by id) from shop.ev
--- lateral
select c.id, x.at from shop.customers c cross join lateral (select at from shop.ev e where e.id = c.id order by at desc limit 1) x
--- genseries
select d::date, count(e.id) from generate_series(date '2024-01-01', date '2024-02-01', interval '1 day') d left join shop.ev e on e.at::date = d::date group by 1 order by 1
--- recordset
select x.a from shop.customers c, jsonb_to_recordset(c.j) as x(a int, b text)
--- whole row
select c from shop.customers c
--- values
select * from (values (1,'a'),(2,'b')) as t(id, n) join shop.customers c using (id)
--- grouping sets
select region, date_trunc('month', at) m, count(*), grouping(region) from shop.ev group by grouping sets ((region), (2), ())
--- attz
select at at time zone 'Asia/Seoul' as kst, extract(epoch from at), extract(isodow from at) from shop.ev
--- enum cast
select id from shop.customers where 'happy'::shop.mood = any(moods)
--- enum cmp
select self from shop.rec where self > 'sad'
--- unicode bare
select 이름, 값 from shop.한글테이블
--- dots
select a, "b.c" from "my.schema"."t.x"
--- dots2
select p.a from "my.schema".plain p
--- weird
select id from "Weird ""Q"" \b"."ta'ble"
--- row compare
select id from shop.ev where (id, region) in (select id, region from shop.ev)
--- window groups
select sum(id) over w, lag(id, 1, 0) over w from shop.ev window w as (partition by region order by at groups between 1 preceding and 1 following)
--- recursive
with recursive t(id, up, d) as (select id, up, 1 from shop.selfref where up is null union all select s.id, s.up, t.d+1 from shop.selfref s join t on s.up = t.id) select * from t
--- materialized cte
with a as materialized (select id from shop.ev) select count(*) from a
--- fetch first
select id from shop.ev order by id fetch first 5 rows with ties
--- only
select count(*) from only shop.parent
--- similar
select 1 from shop.coll where a similar to 'a%' and a not ilike 'b%' and a ~* 'x' and a !~ 'y'
--- array slices
select tags[1:2], array_length(tags,1), tags || 'x'::text, tags @> array['a'] from shop.customers
--- array matrix
select matrix[1][2] from shop.customers
--- at func
select now() - at as age, age(at), make_interval(days => 3) from shop.ev
--- string fn
select overlay("Full Name" placing 'x' from 1 for 2), substring("Full Name" from 1 for 2), position('a' in "Full Name"), trim(both ' ' from "Full Name"), "Full Name" like 'a\_%' escape '\' from shop.customers
--- money
select price::money, money / 2 from shop.customers
--- inet
select ip << inet '10.0.0.0/8', host(ip) from shop.customers
--- case
select case when price > 1 then 'a' else 'b' end from shop.customers group by 1 having count(*) > 1
--- union order
(select id from shop.parent order by id limit 1) union all (select id from shop.child) order by id
--- using alias
select j.id from shop.parent join shop.child using (id) as j
--- exists
select exists (select 1 from shop.ev where id = c.id), array(select id from shop.ev) from shop.customers c
--- keyword cols bare
select row, "between", "values", "extract", "position", "coalesce", "setof" from shop.sysname
--- qualified kw
select s.order, s.group, s.user, s.limit, s.end from shop.sysname s
--- bare alias kw
select id value, at timestamp, region name from shop.ev
--- any subquery
select id from shop.ev where id = any (select id from shop.parent)
--- json agg
select jsonb_agg(jsonb_build_object('id', id, 'at', at) order by at) from shop.ev
--- ordered set
select mode() within group (order by region), rank(3) within group (order by id) from shop.ev
--- cast text
select cast(id as text), id::text, id::numeric(10,2), '2024-01-01'::timestamptz from shop.ev
--- width
select width_bucket(price, 0, 100, 10) from shop.customers
--- fkcomp join
select * from shop.fkcomp f join shop.ev e on (f.a, f.b, f.c) = (e.id, e.at, e.region)
--- no-from
select 1 as x, 'a' || 'b', current_date, current_user
--- schema-qualified function
select public.similarity('a','b'), pg_catalog.lower('A')
--- catalog function
select pg_catalog.format('%s', 'a')
--- rows from
select * from rows from (generate_series(1,3), generate_series(1,2)) as t(a,b)
--- partition leaf
select id from shop.ev_2024_kr
--- subquery alias cols
select q.x from (select id, region from shop.ev) as q(x, y)
--- emoji
select "😀" from shop."日本 語🎉"
--- inet
select inet '10.0.0.1'
--- jsonb
select jsonb '{"a":1}'
--- timestamptz
select timestamptz '2024-01-01'
--- tstzrange
select tstzrange '[2024-01-01,2024-02-01)'
--- bytea
select bytea '\x00'
--- int4
select int4 '1'
--- enum
select shop.mood 'happy'
--- time
select time '10:00'
--- interval prec
select interval(3) '1 s'
--- point
select point '(1,2)'
--- similarity only
select similarity("Full Name", 'x') from shop.customers
--- trgm dist
select "Full Name" <-> 'x' from shop.customers
--- hstore op
select kv->'a' from shop.customers where kv @> 'a=>1'
--- ltree op
select subpath(path,0,1) from shop.customers where path ~ 'a.*'
--- gen_random_uuid
select gen_random_uuid()
--- digest md5
select md5('x'), encode(sha256('x'),'hex')
--- jsonb each lateral
select c.id, e.key from shop.customers c cross join lateral jsonb_each(c.j) e
--- json_array_elements
select e->>'a' from shop.customers c, jsonb_array_elements(c.j->'x') e
--- unnest multi
select a,b from unnest(array[1,2], array['a','b']) as u(a,b)
--- date_bin
select date_bin('15 minutes', at, timestamptz '2001-01-01') from shop.ev
--- date part cast
select date_part('year', at)::int from shop.ev
--- corr
select corr(id, id), regr_slope(id, id), stddev_samp(id), var_pop(id) from shop.ev
--- row array constructor
select array[row(1,2)]
--- at tz interval
select at at time zone interval '9 hours' from shop.ev
--- cast array
select '{1,2}'::int[], array[]::text[], tags::varchar[] from shop.customers
--- greatest
select greatest(1,2), least(1,2), nullif(1,2), coalesce(null,1), num_nulls(1,null)
--- exclude alias
select row_number() over (order by id) rn, ntile(4) over (order by id), first_value(id) over (order by id), cume_dist() over (order by id) from shop.ev
--- grouping cube
select region, count(*) from shop.ev group by cube (region)
--- limit all
select id from shop.ev limit all offset 2 rows
--- comments
select /* hi */ id -- there
from shop.ev
--- json access subscripts
select j['a']['b'] from shop.customers
--- chained comparison
select id from shop.ev where (id between 1 and 2) is true and region in ('a') and not region isnull and region notnull
--- overlaps
select id from shop.ev where (at, at) overlaps (at, interval '1 day')
--- like any
select 1 from shop.coll where a like any (array['x%']) and a ilike all (array['x'])
--- nested dollar
select $$x$$
--- E string
select E'a\nb'
--- neg array idx
select (string_to_array('a,b', ','))[2]
--- table command
table shop.ev
--- xmltable
select t.a from xmltable('/r/x' passing ('<r><x a="1"/></r>'::xml) columns a int path '@a') as t
--- xmlelement
select xmlelement(name foo, xmlattributes(id as bar), 'x') from shop.ev
--- tablesample
select id from shop.ev tablesample system (10) repeatable (1)
--- tablesample bernoulli
select id from shop.customers c tablesample bernoulli (10)
--- values
values (1, 'a'), (2, 'b')
--- with ordinality
select u.t1, n1 from shop.customers c, unnest(c.tags) with ordinality as u(t1, n1)
--- unnest multi lateral
select c.id, u.a from shop.customers c left join lateral unnest(c.tags) as u(a) on true
--- search depth first
with recursive t(id, up) as (select id, up from shop.selfref where up is null union all select s.id, s.up from shop.selfref s join t on s.up = t.id) search depth first by id set ord select id, ord from t order by ord
--- cycle
with recursive t(id, up) as (select id, up from shop.selfref union all select s.id, s.up from shop.selfref s join t on s.up = t.id) cycle id set is_cycle using path select id, is_cycle from t
--- group by distinct
select region, id, count(*) from shop.ev group by distinct rollup(region, id), rollup(region)
--- within group
select percentile_disc(array[0.25, 0.5]) within group (order by id) from shop.ev
--- window exclude
select sum(id) over (order by at range between interval '1 day' preceding and current row exclude current row) from shop.ev
--- interval forms
select interval '1' day, interval '1-2' year to month, interval '3 days ago', '1 hour'::interval * 2
--- array literal nested
select array[[1,2],[3,4]], (array[[1,2],[3,4]])[1:2][1], (array[1,2,3])[:2]
--- array slice open
select tags[2:] from shop.customers
--- any with array
select id from shop.customers where id = any('{1,2}'::bigint[])
--- row comparison
select id from shop.ev where row(id, region) < row(10, 'kr')
--- is distinct
select id from shop.ev where region is distinct from 'kr' and id is not null
--- between symmetric
select id from shop.ev where id between symmetric 10 and 1
--- similar escape
select "Full Name" similar to '%x#%' escape '#' from shop.customers
--- substring regex
select substring("Full Name" from '^(.)'), substring("Full Name", 2, 3), substring("Full Name" similar '%#"x#"%' escape '#') from shop.customers
--- collate
select "Full Name" collate "C" from shop.customers order by "Full Name" collate "C" desc nulls last
--- for key cast
select id::text::varchar(5), cast('1.5' as numeric(3,1)), double precision '1.5', bit varying '101' from shop.ev
--- timestamp with time zone
select timestamp with time zone '2024-01-01', timestamp without time zone '2024-01-01', time with time zone '10:00+01'
--- extract
select extract(day from at), extract('month' from at), extract(timezone_hour from at), date_trunc('month', at, 'UTC') from shop.ev
--- json path
select jsonb_path_query_array(j, '$.a[*] ? (@ > 1)'), j @? '$.a', j #- '{a}', j ->> 0 from shop.customers
--- json funcs
select json_build_object('a', id), jsonb_object_agg(id, "Full Name"), to_jsonb(tags) from shop.customers group by id, tags
--- is json? no: json_strip
select jsonb_set(j, '{a,b}', '1'::jsonb, true), jsonb_pretty(j) from shop.customers
--- hstore
select kv ?& array['a','b'], kv - 'a'::text, kv || 'b=>2'::hstore, hstore('a','b'), skeys(kv), (each(kv)).key from shop.customers
--- ltree
select path <@ 'a.b', path @> 'a'::ltree, nlevel(path), path || 'x', path ? array['a.*','b']::lquery[] , path @ 'a & b' from shop.customers
--- trgm
select "Full Name" <-> 'x', word_similarity('x', "Full Name"), 'x' <% "Full Name", show_trgm('x') from shop.customers
--- range
select span @> now(), span && tstzrange(now(), now()), lower(span), upper_inf(span), span * span, int4range(1,5) -|- int4range(5,9), span << span from shop.customers
--- multirange
select spans @> 3, range_agg(int4range(1,2)), '{[1,2)}'::int4multirange from shop.customers group by spans
--- inet
select ip <<= '10.0.0.0/8', ip + 1, masklen(ip), inet_merge(ip, ip), network(ip), cidr '10.0.0.0/8' >> ip from shop.customers
--- bit
select b'101' & b'110', ~ b'1', x'1F', bits || b'1', get_bit(bits, 0) from shop.customers
--- tsquery
select tsq @@ ('a' || ' & b')::tsquery, to_tsvector('english', "Full Name") @@ websearch_to_tsquery('a b'), ts_headline("Full Name", to_tsquery('x'))  from shop.customers where false
--- phrase op
select to_tsquery('a') <-> to_tsquery('b'), to_tsquery('a') && to_tsquery('b'), !! to_tsquery('a')
--- geometry
select point '(1,2)' <-> point '(3,4)', box '((0,0),(1,1))' @> point '(0.5,0.5)', circle '<(0,0),1>', area(box '((0,0),(1,1))'), lseg '[(0,0),(1,1)]' ?# lseg '[(0,1),(1,0)]', @-@ path '((0,0),(1,0))', # path '((0,0),(1,0))', ?- lseg '[(0,0),(1,0)]'
--- cube
select cube '(1,2)' <-> cube '(3,4)', cube(array[1,2]), cube_distance(cube '(1)', cube '(2)'), cube '(1,2)' ~> 1, cube '(1)' -> 1
--- intarray
select array[1,2] @@ '1&2'::query_int, idx(array[1,2], 2), sort(array[2,1]), icount(array[1])
--- citext
select email = 'A@B', email ~ '^a', email::citext like 'x%' from shop.customers
--- composite
select (addr).street, addr is null, (addrs[1]).city, row('a','b','{}')::shop.address, (row('a','b','{}')::shop.address).city from shop.customers
--- composite table row
select (r).id, (r.r).id from (select r from shop.rec) r
--- row type
select (c2).id from (select c2 from shop.parent c2) q
--- enum
select enum_range(null::shop.mood), 'sad'::shop.mood < 'happy', enum_first(null::shop.mood)
--- lateral function
select e.id, g from shop.ev e, generate_series(1, e.id) g
--- function alias cols
select * from regexp_split_to_table('a,b', ',') with ordinality as t(word, n)
--- regexp_matches
select (regexp_matches('ab', '(.)(.)'))[1], regexp_replace('a', 'a', 'b', 'g')
--- natural join
select id, name from shop.parent natural join shop.child
--- full outer using
select id from shop.parent full outer join shop.child using (id)
--- nested join parens
select p.id from (shop.parent p join shop.child c on p.id = c.id) left join shop.ev e on e.id = p.id
--- join alias parens
select j.id from (shop.parent p cross join (select 1 as one) o) as j
--- except all
select id from shop.parent except all select id from shop.child intersect select 1
--- order by using
select id from shop.ev order by id using >
--- order nulls first
select region from shop.ev order by 1 nulls first limit (select 1) offset 1
--- fetch
select id from shop.ev offset 1 row fetch next 2 rows only
--- distinct on
select distinct on (region) region, at from shop.ev order by region, at desc
--- cte not materialized
with a as not materialized (select 1 as x), b(y) as (select x from a) select y from b
--- scalar subquery row
select (select row(id, region) from shop.ev limit 1)
--- exists with star
select 1 where exists (select from shop.ev)
--- case forms
select case when id > 1 then 'a' when id is null then 'b' end, case region when 'kr' then 1 else 2 end from shop.ev
--- unicode names
select "이름", 한글테이블.값 from shop.한글테이블
--- quoted weird
select c."with.dot", c."a""b", c."back\slash", c."per%cent" from shop.customers c
--- sysname keyword cols
select "user", "table", "end", value, type, timestamp, date, "int", "char" from shop.sysname
--- positional and numeric
select 1e3, 1.5e-2, .5, 5., 0.1::float4, 'NaN'::float8
--- unary ops
select - id, + id, ~ id, @ id, |/ 4.0, ||/ 8.0, 2 ^ 3, 5 # 3, 1 << 2 from shop.ev
--- operator()
select 1 operator(pg_catalog.+) 2, 'a' operator(pg_catalog.||) 'b'
--- string continuation
select 'a'
'b'
--- escapes
select E'a\tb', U&'\0041', $q$it's$q$, 'it''s'
--- array_agg order filter
select array_agg(distinct region order by region desc) filter (where id > 1), string_agg(region, ',' order by at), count(distinct (id, region)) from shop.ev
--- grouping
select region, grouping(region, id), sum(id) from shop.ev group by grouping sets ((region, id), (region), ())
--- lag ignore
select lag(id) over (partition by region order by at), nth_value(id, 2) over (order by id rows unbounded preceding) from shop.ev
--- named arg
select make_interval(days => 10, hours := 2)
--- variadic
select concat_ws(',', variadic array['a','b'])
--- current
select current_timestamp(0), localtimestamp, current_time, current_user, session_user, current_schema
--- at time zone chain
select (at at time zone 'UTC')::date, at at time zone 'Asia/Seoul' at time zone 'UTC' from shop.ev
--- only star
select * from only shop.parent p, shop.child *
--- money
select money::numeric, '12.34'::money, money * 2 from shop.customers
--- unnest zip
select * from unnest(array[1,2], array['a','b','c']) with ordinality as z(x, y, n)
--- jsonb_to_record
select r.* from shop.customers c cross join lateral jsonb_to_record(c.j) as r(a int, b text)
--- json_populate
select (jsonb_populate_record(null::shop.address, c.j)).city from shop.customers c
--- view
select n from shop.v
--- matview
select one from shop.mv
--- pg_typeof
select pg_typeof(id), pg_size_pretty(1024::bigint) from shop.ev
--- overlaps
select (date '2024-01-01', date '2024-02-01') overlaps (date '2024-01-15', interval '1 month')
--- is normalized
select "Full Name" is nfc normalized, normalize("Full Name", NFC) from shop.customers
--- is document
select x is document from shop.customers
--- array dims
select array_dims(matrix), cardinality(tags), array_position(tags, 'a'), tags || array['x'], 'x' = any(tags), array_remove(tags, 'x') from shop.customers
--- bool tests
select (id > 1) is unknown, not (id > 1), true and false from shop.ev
--- nested comments
select /* a /* b */ c */ id from shop.ev
--- for partition leaf
select count(*) from shop.ev_2024_kr k join shop.ev e using (id, at)
--- xpath
select xpath('/a', x), xmlserialize(content x as text) from shop.customers
--- lateral nested
select * from shop.customers c, lateral (select * from jsonb_each(c.j) where value is not null) e(k, v)
--- fn in from scalar
select d from date_trunc('day', now()) as d
--- ltree lquery typed
select id from shop.customers where path ~ lquery 'a.*{1,2}.b' or path @ ltxtquery 'a'
--- like escape not
select 1 from shop.coll where a not like '\%' escape '!' or a not similar to 'x' or a !~~ 'b' or a ~~* 'c'

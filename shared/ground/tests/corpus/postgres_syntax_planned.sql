--- agg
select region, id from shop.ev group by region
--- sum text
select sum(region) from shop.ev
--- enum label
select 1 from shop.rec where self = 'joyful'
--- an operator of other types
select id <=> 1 from shop.ev

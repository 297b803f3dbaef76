--- group by array
SELECT tags, COUNT(*) FROM `acme-prod-1.shop.orders` GROUP BY tags
--- distinct struct array
SELECT DISTINCT lines FROM `acme-prod-1.shop.orders`
--- geo eq
SELECT id FROM `acme-prod-1.shop.orders` WHERE loc = loc
--- type cmp
SELECT id FROM `acme-prod-1.shop.orders` WHERE id = 'x'
--- sum string
SELECT SUM(status) FROM `acme-prod-1.shop.orders`
--- ungrouped
SELECT status, id FROM `acme-prod-1.shop.orders` GROUP BY status
--- having no agg alias
SELECT id FROM `acme-prod-1.shop.orders` HAVING total > 1
--- lower type misuse
SELECT SUM(name) FROM `acme-prod-1.lower.t`

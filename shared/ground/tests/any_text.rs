//! Random texts and random SQL.

use ground::Schema;
use proptest::prelude::*;
use schema::Dialect;

use crate::{bigquery, postgres};

/// Tokens that are likely to form SQL, in any order.
const TOKENS: &str = "select from where ( ) , . * ` ' \" [ ] with as unnest struct array over \
    partition by order group having join on using lateral union all shop.orders customers c total \
    lines `acme-data.analytics.events_*` event_params key value 1 '2021' = and between exists case \
    when then else end :: -> pivot for in qualify window w interval date { } ; -- /* */ @ $1 한글 \
    recursive except replace offset(0) cast limit null";

proptest! {
    #![proptest_config(ProptestConfig::with_cases(400))]

    #[test]
    fn no_text_makes_the_grounder_panic(text in any::<String>(), path in "[a-z_.]{0,20}") {
        for (tables, dialect) in [(bigquery(), Dialect::Bigquery), (postgres(), Dialect::Postgres)] {
            let schema = Schema::new(&tables, dialect);
            let found = ground::sql(&text, &schema);
            prop_assert!(found.is_ok() || found.is_err_and(|faults| !ground::is_unchecked(&faults)));
            let _ = ground::text(&text, &tables[0], Some(&path), &schema);
            let _ = ground::text(&text, &tables[0], None, &schema);
        }
    }

    #[test]
    fn random_sql_tokens_never_make_the_grounder_panic(
        tokens in prop::collection::vec(
            prop::sample::select(TOKENS.split_whitespace().collect::<Vec<_>>()), 0..40)
    ) {
        let text = format!("select {}", tokens.join(" "));
        for (tables, dialect) in [(bigquery(), Dialect::Bigquery), (postgres(), Dialect::Postgres)] {
            let schema = Schema::new(&tables, dialect);
            if let Err(faults) = ground::sql(&text, &schema) {
                prop_assert!(!faults.is_empty());
                prop_assert!(!ground::is_unchecked(&faults));
            }
            let _ = ground::text(&text, &tables[0], None, &schema);
        }
    }

    #[test]
    fn an_unknown_column_is_a_fault_anywhere_in_a_query(
        name in "[a-z]{3,8}_zz",
        shape in prop::sample::select(vec![
            "select {} from shop.orders",
            "select o.{} from shop.orders o",
            "select 1 from shop.orders where {} is null",
            "select 1 from shop.orders group by {}",
            "select 1 from shop.orders order by {}",
            "select sum(total) over (partition by {}) from shop.orders",
            "select shipping.{} from shop.orders",
            "select (select max({}) from shop.customers) from shop.orders",
            "select l.{} from shop.orders, unnest(lines) l",
            "with a as (select * from shop.orders) select a.{} from a",
            "select 1 from shop.orders o join shop.customers c on o.customer_id = c.{}",
            "select 1 from shop.orders join shop.customers using ({})",
            "select * except ({}) from shop.orders",
            "select if({} > 1, 'a', 'b') from shop.orders",
            "select array(select {} from unnest(lines)) from shop.orders",
        ])
    ) {
        let tables = bigquery();
        let found = ground::sql(&shape.replace("{}", &name), &Schema::new(&tables, Dialect::Bigquery));
        let faults = found.expect_err(shape);
        prop_assert!(faults.iter().any(|fault| fault.identifier.contains(&name)));
    }
}

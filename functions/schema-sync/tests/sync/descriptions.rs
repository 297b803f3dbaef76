//! LLM descriptions are kept as long as they are correct.

use super::*;

/// A model that describes the total by another column and by another table.
async fn talkative() -> LlmStub {
    LlmStub::start(|asked| {
        let text = |table: &str, path: &str| match (table, path) {
            ("p.shop.orders", "") => "Orders; who placed them is in `customers`.".to_owned(),
            (_, "total") => "In euros, before `discount` is taken off.".to_owned(),
            (_, path) => format!("Meaning of {path}."),
        };
        EnrichPrompt::parse(asked).answer(text, &[])
    })
    .await
}

const TOTALS: &str = "id INT64, total FLOAT64, discount FLOAT64";

fn said<'a>(document: &'a Document, path: &str) -> Option<&'a str> {
    let orders = document.tables.iter().find(|it| it.name == "p.shop.orders");
    let orders = orders.expect("it is in the warehouse");
    match path {
        "" => orders.description.as_deref(),
        _ => {
            let column = orders.columns.iter().find(|it| it.name == path);
            column.expect("it is in the table").description.as_deref()
        }
    }
}

#[tokio::test]
async fn a_description_that_mentions_something_removed_is_dropped_and_requested_again() {
    let warehouse = Warehouse::new()
        .table("p.shop.orders", TOTALS)
        .table("p.shop.customers", "id INT64")
        .shared();
    let store = memory();
    let stub = talkative().await;
    let sync = sync_with(&warehouse, store.clone(), &stub);
    run(&sync).await;
    assert!(
        said(&head(&store).await, "total")
            .unwrap()
            .contains("discount")
    );
    assert!(said(&head(&store).await, "").unwrap().contains("customers"));
    let asked = stub.requests().len();

    warehouse.set("p.shop.orders", "id INT64, total FLOAT64");
    warehouse.drop_table("p.shop.customers");
    let answer = run(&sync).await;

    let document = head(&store).await;
    assert_eq!(
        (said(&document, "total"), said(&document, "")),
        (None, None)
    );
    assert_eq!(said(&document, "id"), Some("Meaning of id."));
    let again: Vec<_> = stub.requests()[asked..]
        .iter()
        .flat_map(|asked| EnrichPrompt::parse(asked).tables)
        .collect();
    let total = vec!["total".to_owned()];
    assert_eq!(again, [("p.shop.orders".to_owned(), true, total)]);
    let dropped: Vec<_> = answer
        .ledger
        .dropped
        .iter()
        .map(|it| (it.path.as_deref(), it.reason.contains("discount")))
        .collect();
    assert!(dropped.contains(&(Some("total"), true)), "{dropped:?}");
}

#[tokio::test]
async fn descriptions_that_mention_a_renamed_column_are_dropped() {
    let warehouse = Warehouse::new().table("p.shop.orders", TOTALS).shared();
    let store = memory();
    let stub = LlmStub::start(|asked| {
        let wanted = EnrichPrompt::parse(asked);
        let has_rebate = asked.user.contains(" rebate ");
        let text = move |_: &str, path: &str| match path {
            "total" if has_rebate => "Before `rebate`.".to_owned(),
            "total" => "Before `discount`.".to_owned(),
            path => format!("Meaning of {path}."),
        };
        match wanted.tables.is_empty() {
            true => Said::Json(json!({"examples": []})),
            false => wanted.answer(text, &[]),
        }
    })
    .await;
    let sync = sync_with(&warehouse, store.clone(), &stub);
    run(&sync).await;
    assert_eq!(
        said(&head(&store).await, "total"),
        Some("Before `discount`.")
    );

    warehouse.set("p.shop.orders", "id INT64, total FLOAT64, rebate FLOAT64");
    run(&sync).await;

    assert_eq!(said(&head(&store).await, "total"), Some("Before `rebate`."));
}

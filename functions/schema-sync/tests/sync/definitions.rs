//! The queries of views: a document has those whose every identifier it has as well.

use schema::bounds::MAX_DEFINITION;
use schema::diff::ChangeKind;
use schema::document::{Definition, Document};

use super::*;

async fn definition(store: &Arc<dyn Store>) -> Option<Definition> {
    let document = head(store).await;
    let view = document.tables.iter().find(|it| it.name == "p.shop.big");
    view.unwrap().definition.clone()
}

#[tokio::test]
async fn a_view_has_its_query_as_long_as_the_document_has_what_it_names() {
    let warehouse = Warehouse::new()
        .table("p.shop.orders", "id INT64, total FLOAT64")
        .shared();
    let query = "select id from `p.shop.orders` where total > 100;";
    warehouse.set_view("p.shop.big", "id INT64", query);
    let store = memory();
    let sync = sync(&warehouse, store.clone());
    run(&sync).await;
    let known = definition(&store).await.unwrap();
    assert_eq!(known.sql, query.trim_end_matches(';'));
    assert_eq!(known.tables, ["p.shop.orders"]);

    for unknown in [
        "select id from `p.hr.people`",
        "select id from `p.shop.orders` where salary > 1",
        "select `p.hr.secret`(id) as id from `p.shop.orders`",
        "select id from",
    ] {
        warehouse.set_view("p.shop.big", "id INT64", unknown);
        let answer = run(&sync).await;
        assert_eq!(definition(&store).await, None, "{unknown}");
        assert_eq!(
            answer.changes.len(),
            usize::from(unknown.contains("people"))
        );
    }

    warehouse.set_view("p.shop.big", "id INT64", query);
    run(&sync).await;
    warehouse.set("p.shop.orders", "id INT64, amount FLOAT64");
    run(&sync).await;
    assert_eq!(definition(&store).await, None, "it no longer resolves");
}

#[tokio::test]
async fn personal_data_and_secrets_in_the_query_of_a_view_are_masked() {
    let warehouse = Warehouse::new()
        .table("p.shop.orders", "id INT64, mail STRING")
        .shared();
    let query = "select id -- ask jane.doe@example.com\nfrom `p.shop.orders`\n\
                 where mail <> 'bob@example.com' and mail <> 'sk-ant-api03-abcdefghijklmnopqrstuvwxyz0123456789'";
    warehouse.set_view("p.shop.big", "id INT64", query);
    let store = memory();
    let sync = sync(&warehouse, store.clone());
    run(&sync).await;
    let known = definition(&store).await.unwrap();
    for secret in ["jane.doe", "bob@", "abcdefghijklmnop"] {
        assert!(!known.sql.contains(secret), "{}", known.sql);
    }
    assert!(known.sql.starts_with("select id -- ask ["), "{}", known.sql);
    assert_eq!(known.tables, ["p.shop.orders"]);
    let again = run(&sync).await;
    assert!(again.changes.is_empty() && !again.updated);
}

#[tokio::test]
async fn a_view_that_could_not_be_read_keeps_its_query_unless_a_table_of_it_breaks() {
    let long = format!(
        "select id from `p.shop.orders` where '{}' <> ''",
        "x".repeat(MAX_DEFINITION)
    );
    let warehouse = Warehouse::new().table("p.shop.orders", "id INT64").shared();
    warehouse.set_view("p.marts.big", "id INT64", &long);
    let store = memory();
    let sync = sync(&warehouse, store.clone());
    run(&sync).await;
    let of_view = |document: &Document| {
        let view = document.tables.iter().find(|it| it.name == "p.marts.big");
        view.unwrap().definition.clone()
    };
    let known = of_view(&head(&store).await);
    assert!(known.as_ref().is_some_and(|it| it.cut));
    warehouse.lose("p.marts");
    run(&sync).await;
    assert_eq!(of_view(&head(&store).await), known);
    warehouse.set("p.shop.orders", "number INT64");
    run(&sync).await;
    assert_eq!(of_view(&head(&store).await), None);
}

#[tokio::test]
async fn a_changed_query_of_a_view_is_a_change() {
    let warehouse = Warehouse::new().table("p.shop.orders", "id INT64").shared();
    warehouse.set_view("p.shop.big", "id INT64", "select id from `p.shop.orders`");
    let store = memory();
    let sync = sync(&warehouse, store.clone());
    run(&sync).await;
    let narrower = "select id from `p.shop.orders` where id > 2";
    warehouse.set_view("p.shop.big", "id INT64", narrower);
    let answer = run(&sync).await;
    let [change] = &answer.changes[..] else {
        panic!("{:?}", answer.changes);
    };
    assert_eq!(change.kind, ChangeKind::Definition);
    assert_eq!(change.to.as_deref(), Some(narrower));
    assert!(!change.breaking && answer.updated);
}

#[tokio::test]
async fn a_long_query_of_a_view_is_resolved_whole_and_marked_as_cut() {
    let warehouse = Warehouse::new().table("p.shop.orders", "id INT64").shared();
    let long = "x".repeat(MAX_DEFINITION);
    let query = |column: &str| {
        format!("select id from `p.shop.orders` where '{long}' <> '' and {column} = 2")
    };
    warehouse.set_view("p.shop.big", "id INT64", &query("id"));
    let store = memory();
    let sync = sync(&warehouse, store.clone());
    run(&sync).await;
    let known = definition(&store).await.unwrap();
    assert_eq!((known.sql.len(), known.cut), (MAX_DEFINITION, true));
    warehouse.set_view("p.shop.big", "id INT64", &query("gone"));
    run(&sync).await;
    assert_eq!(definition(&store).await, None);
}

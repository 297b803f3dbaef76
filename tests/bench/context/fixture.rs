//! Databases and questions, from a file or invented.

use std::collections::{BTreeSet, HashMap};
use std::io::Read as _;
use std::path::Path;
use std::sync::Arc;

use anyhow::{Context as _, ensure};
use flate2::read::GzDecoder;
use ground::Schema;
use jiff::Timestamp;
use schema::Dialect;
use schema::document::{
    Column, DescriptionSource, Document, FORMAT, Ledger, Shards, Source, SourceKind, Table,
    TableKind,
};
use schema::name::TableName;
use schema::sql_type::parse_column;
use serde::Deserialize;

#[derive(Deserialize)]
pub struct File {
    pub tables: Vec<Card>,
    pub questions: Vec<FileQuestion>,
}

/// One table or shard family.
#[derive(Clone, Deserialize)]
pub struct Card {
    id: usize,
    pub name: String,
    #[serde(default)]
    members: Option<Vec<String>>,
    databases: Vec<String>,
    pub columns: Vec<PathOf>,
}

impl Card {
    pub fn new(id: usize, name: &str, database: &str, columns: Vec<PathOf>) -> Self {
        Self {
            id,
            name: name.to_owned(),
            members: None,
            databases: vec![database.to_owned()],
            columns,
        }
    }
}

#[derive(Clone, Deserialize)]
pub struct PathOf {
    pub path: String,
    #[serde(rename = "type")]
    data_type: String,
    #[serde(default)]
    description: Option<String>,
}

impl PathOf {
    pub fn new(path: &str, data_type: &str, description: Option<&str>) -> Self {
        Self {
            path: path.to_owned(),
            data_type: data_type.to_owned(),
            description: description.map(str::to_owned),
        }
    }
}

#[derive(Deserialize)]
pub struct FileQuestion {
    database: String,
    question: String,
    gold_tables_any: Vec<Vec<usize>>,
    #[serde(default)]
    gold_sql: Option<String>,
}

impl FileQuestion {
    pub fn new(database: &str, question: &str, tables: Vec<Vec<usize>>) -> Self {
        Self {
            database: database.to_owned(),
            question: question.to_owned(),
            gold_tables_any: tables,
            gold_sql: None,
        }
    }
}

pub struct Question {
    pub database: String,
    pub text: String,
    /// Lists of alternatives: one table of each list must be in the context.
    pub tables: Vec<Vec<String>>,
    /// None if the gold SQL can't be parsed.
    pub columns: Option<Columns>,
}

/// Pairs of table and path.
pub type Columns = Vec<(String, String)>;

pub struct Fixture {
    /// The tables of each database, by name.
    pub databases: HashMap<String, Arc<Document>>,
    pub pooled: Arc<Document>,
    pub questions: Vec<Question>,
    /// The reasons why gold SQL can't be parsed.
    pub unread: Vec<String>,
    pub leaves: Leaves,
}

/// The leaves of each gold column that is a STRUCT as a whole.
pub type Leaves = HashMap<(String, String), Vec<String>>;

pub fn load(path: &Path) -> anyhow::Result<Fixture> {
    let file = std::fs::File::open(path).with_context(|| format!("no {}", path.display()))?;
    let mut text = String::new();
    GzDecoder::new(file).read_to_string(&mut text)?;
    prepare(serde_json::from_str(&text)?)
}

/// A shop with a few tables, to check that the benchmark runs.
pub fn made_up() -> anyhow::Result<Fixture> {
    let table = |id: usize, name: &str, columns: &[(&str, &str)]| {
        let columns = columns.iter();
        let columns = columns.map(|(path, data_type)| PathOf::new(path, data_type, None));
        Card::new(id, &format!("p.shop.{name}"), "shop", columns.collect())
    };
    let orders = [
        ("id", "INT64"),
        ("customer_id", "INT64"),
        ("ordered_at", "TIMESTAMP"),
        ("total", "NUMERIC"),
    ];
    let customers = [("id", "INT64"), ("name", "STRING"), ("country", "STRING")];
    let stock = [("product_id", "INT64"), ("quantity", "INT64")];
    let mut tables = vec![
        table(0, "orders", &orders),
        table(1, "customers", &customers),
        table(2, "stock", &stock),
    ];
    for id in 3..40 {
        let column = format!("measure_{id}");
        tables.push(table(
            id,
            &format!("sensor_{id}_log"),
            &[(&column, "FLOAT64")],
        ));
    }
    let asked = |question: &str, tables: &[usize], sql: &str| FileQuestion {
        gold_sql: Some(sql.to_owned()),
        ..FileQuestion::new(
            "shop",
            question,
            tables.iter().map(|table| vec![*table]).collect(),
        )
    };
    let questions = vec![
        asked(
            "What did customers of each country order in total?",
            &[0, 1],
            "SELECT c.country, SUM(o.total) FROM `p.shop.orders` AS o \
             JOIN `p.shop.customers` AS c ON c.id = o.customer_id GROUP BY c.country",
        ),
        asked(
            "Which product has the largest quantity in stock?",
            &[2],
            "SELECT product_id FROM `p.shop.stock` ORDER BY quantity DESC LIMIT 1",
        ),
    ];
    prepare(File { tables, questions })
}

fn prepare(file: File) -> anyhow::Result<Fixture> {
    prepare_with(file, &[], None)
}

/// Builds a fixture with descriptions of the tables, and with the columns of questions without SQL.
pub fn prepare_with(
    file: File,
    descriptions: &[String],
    columns_of: Option<Vec<Columns>>,
) -> anyhow::Result<Fixture> {
    let mut columns_of = columns_of.map(Vec::into_iter);
    let mut tables = Vec::with_capacity(file.tables.len());
    for (position, card) in file.tables.iter().enumerate() {
        ensure!(
            card.id == position,
            "table {position} has the id {}",
            card.id
        );
        let mut table = table(card)?;
        table.description = descriptions.get(position).cloned();
        tables.push(table);
    }
    let named: BTreeSet<&str> = file
        .tables
        .iter()
        .flat_map(|card| card.databases.iter().map(String::as_str))
        .collect();
    let databases: HashMap<String, Arc<Document>> = named
        .into_iter()
        .map(|database| {
            let is_in = |card: &&Card| card.databases.iter().any(|name| name == database);
            let own = file.tables.iter().filter(is_in);
            let own = own.map(|card| tables[card.id].clone()).collect();
            (database.to_owned(), Arc::new(document(own)))
        })
        .collect();
    let mut unread = Vec::new();
    let mut questions = Vec::new();
    let gold = Gold::new(&file.tables, &tables);
    for question in file.questions {
        let parsed = question
            .gold_sql
            .as_deref()
            .and_then(|sql| match gold.columns(sql) {
                Ok(columns) => Some(columns),
                Err(reason) => {
                    unread.push(reason);
                    None
                }
            });
        let columns = parsed.or_else(|| columns_of.as_mut()?.next());
        let names = question.gold_tables_any.iter().map(|any| {
            let any = any.iter().map(|table| tables[*table].name.clone());
            any.collect()
        });
        questions.push(Question {
            database: question.database,
            text: question.question,
            tables: names.collect(),
            columns,
        });
    }
    let mut leaves = Leaves::new();
    let by_name: HashMap<&str, &Table> = tables.iter().map(|t| (t.name.as_str(), t)).collect();
    for gold in questions
        .iter()
        .flat_map(|question| question.columns.iter().flatten())
    {
        let below = format!("{}.", gold.1);
        let mut all = Vec::new();
        for column in by_name
            .get(gold.0.as_str())
            .map_or(&[][..], |table| &table.columns)
        {
            add_leaves(column, "", &mut all);
        }
        all.retain(|leaf| leaf.starts_with(&below));
        if !all.is_empty() {
            leaves.insert(gold.clone(), all);
        }
    }
    Ok(Fixture {
        databases,
        pooled: Arc::new(document(tables)),
        questions,
        unread,
        leaves,
    })
}

fn add_leaves(column: &Column, above: &str, leaves: &mut Vec<String>) {
    let path = format!("{above}{}", column.name);
    if column.fields.is_empty() {
        leaves.push(path);
        return;
    }
    for field in &column.fields {
        add_leaves(field, &format!("{path}."), leaves);
    }
}

impl Fixture {
    /// The same questions, with the tables of another fixture added.
    pub fn with(self, other: &Self) -> Self {
        let tables = self.pooled.tables.iter().chain(&other.pooled.tables);
        Self {
            pooled: Arc::new(document(tables.cloned().collect())),
            ..self
        }
    }
}

fn document(tables: Vec<Table>) -> Document {
    let mut datasets: Vec<String> = tables.iter().map(|t| t.dataset().to_owned()).collect();
    datasets.sort();
    datasets.dedup();
    Document {
        format: FORMAT,
        version: "benchmark".to_owned(),
        generated_at: Timestamp::UNIX_EPOCH,
        source: Source {
            kind: SourceKind::Folder,
            dialect: Dialect::Bigquery,
            datasets,
            extensions: None,
        },
        tables,
        examples: Vec::new(),
        quarantined: Vec::new(),
        meaning: schema::document::Meaning::default(),
        ledger: Ledger::default(),
    }
}

fn table(card: &Card) -> anyhow::Result<Table> {
    let described: HashMap<&str, &str> = card
        .columns
        .iter()
        .filter_map(|column| {
            let description = column.description.as_deref()?.trim();
            (!description.is_empty()).then_some((column.path.as_str(), description))
        })
        .collect();
    let name = TableName::of_unquoted(&card.name, Dialect::Bigquery);
    let name = name.with_context(|| format!("{} has no dataset", card.name))?;
    let mut table = Table::new(name, TableKind::Table);
    for column in card
        .columns
        .iter()
        .filter(|column| !column.path.contains('.'))
    {
        let mut column = parse_column(&column.path, &column.data_type)
            .with_context(|| format!("{} of {}", column.path, card.name))?;
        describe(&mut column, "", &described);
        table.columns.push(column);
    }
    Ok(table)
}

fn describe(column: &mut Column, above: &str, described: &HashMap<&str, &str>) {
    let path = format!("{above}{}", column.name);
    if let Some(description) = described.get(path.as_str()) {
        column.description = Some((*description).to_owned());
        column.description_source = Some(DescriptionSource::Warehouse);
    }
    let below = format!("{path}.");
    for field in &mut column.fields {
        describe(field, &below, described);
    }
}

/// Parses gold SQL, which names the members of a family individually.
struct Gold {
    members: Vec<Table>,
    family: HashMap<String, String>,
}

impl Gold {
    fn new(cards: &[Card], tables: &[Table]) -> Self {
        let mut members = Vec::new();
        let mut family = HashMap::new();
        for (card, table) in cards.iter().zip(tables) {
            for name in card.members.iter().flatten() {
                if *name != card.name {
                    members.push(Table {
                        name: name.clone(),
                        ..table.clone()
                    });
                    family.insert(name.clone(), card.name.clone());
                }
            }
            let mut table = table.clone();
            // The file does not have the dates of the shards.
            table.shards = table.name.ends_with('*').then(|| Shards {
                count: 2,
                first: "19000101".to_owned(),
                last: "21991231".to_owned(),
                ..Shards::default()
            });
            members.push(table);
        }
        Self { members, family }
    }

    /// The leaves that the SQL names, and the columns that it names only as a whole.
    fn columns(&self, sql: &str) -> Result<Columns, String> {
        let sql = sql.trim().trim_end_matches(';');
        let schema = Schema::new(&self.members, Dialect::Bigquery);
        let grounded = ground::sql(sql, &schema).map_err(|faults| {
            let reasons: Vec<String> = faults.iter().map(ToString::to_string).collect();
            reasons.join("; ")
        })?;
        let words: BTreeSet<String> = sql
            .split(|c: char| !c.is_alphanumeric() && c != '_')
            .map(str::to_lowercase)
            .collect();
        // `*` includes every column and names none.
        let named: BTreeSet<(String, String)> = grounded
            .columns
            .into_iter()
            .filter(|(_, path)| {
                let last = path.rsplit('.').next().unwrap_or_default().to_lowercase();
                words.contains(&last)
            })
            .map(|(table, path)| (self.family.get(&table).cloned().unwrap_or(table), path))
            .collect();
        let is_whole = |(table, path): &&(String, String)| {
            let below = format!("{path}.");
            !named
                .iter()
                .any(|(other, longer)| other == table && longer.starts_with(&below))
        };
        Ok(named.iter().filter(is_whole).cloned().collect())
    }
}

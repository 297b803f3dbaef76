//! Functions in `from`.

use schema::Dialect;
use sqlparser::ast::{Expr, FunctionArg, FunctionArgExpr, ObjectName, TableAlias};

use crate::extensions::Kind;
use crate::fault::FaultKind;
use crate::lists::is_function;
use crate::resolver::{Output, Resolver};
use crate::scope::{Relation, Scope};
use crate::types::{Field, Type};

/// Functions of BigQuery that return the rows of their argument, and the columns that they add.
const WITH_ROWS_OF: &[(&str, &[&str])] = &[
    ("GAP_FILL", &[]),
    ("RANGE_SESSIONIZE", &["session_range"]),
    ("APPENDS", &["_CHANGE_TYPE", "_CHANGE_TIMESTAMP"]),
    ("CHANGES", &["_CHANGE_TYPE", "_CHANGE_TIMESTAMP"]),
];
/// Functions of BigQuery ML that read a model and compute. Their columns depend on the model.
const OF_MODEL: &[&str] = &[
    "ML.ADVANCED_WEIGHTS",
    "ML.ARIMA_COEFFICIENTS",
    "ML.ARIMA_EVALUATE",
    "ML.CENTROIDS",
    "ML.CONFUSION_MATRIX",
    "ML.DETECT_ANOMALIES",
    "ML.EVALUATE",
    "ML.EXPLAIN_FORECAST",
    "ML.EXPLAIN_PREDICT",
    "ML.FEATURE_IMPORTANCE",
    "ML.FEATURE_INFO",
    "ML.FORECAST",
    "ML.GLOBAL_EXPLAIN",
    "ML.PREDICT",
    "ML.PRINCIPAL_COMPONENT_INFO",
    "ML.PRINCIPAL_COMPONENTS",
    "ML.RECOMMEND",
    "ML.RECONSTRUCTION_LOSS",
    "ML.ROC_CURVE",
    "ML.TRAINING_INFO",
    "ML.TRIAL_INFO",
    "ML.WEIGHTS",
];

/// The columns of a function in `from`.
enum Rows {
    Fields(Vec<Field>),
    /// One column, with the name of the function if it has no name.
    Value {
        name: Option<&'static str>,
        data_type: Type,
    },
    /// The query declares them: `as t(name type)`.
    Declared,
    /// Only the warehouse knows them.
    Unknown,
}

/// The rows of a function that only computes. A function that returns one value returns one row.
fn rows(name: &str) -> Option<Rows> {
    let key_value = |value| {
        Rows::Fields(vec![
            Field::new("key", Type::Scalar),
            Field::new("value", value),
        ])
    };
    let value = |name, data_type| Rows::Value { name, data_type };
    Some(match name {
        "generate_series"
        | "generate_subscripts"
        | "regexp_split_to_table"
        | "string_to_table"
        | "jsonb_object_keys"
        | "json_object_keys" => value(None, Type::Scalar),
        "regexp_matches" => value(None, Type::array(Type::Scalar)),
        "jsonb_path_query" => value(None, Type::Json),
        "jsonb_array_elements" | "json_array_elements" => value(Some("value"), Type::Json),
        "jsonb_array_elements_text" | "json_array_elements_text" => {
            value(Some("value"), Type::Scalar)
        }
        "jsonb_each" | "json_each" => key_value(Type::Json),
        "jsonb_each_text" | "json_each_text" => key_value(Type::Scalar),
        "jsonb_to_record" | "jsonb_to_recordset" | "json_to_record" | "json_to_recordset" => {
            Rows::Declared
        }
        "jsonb_populate_record"
        | "jsonb_populate_recordset"
        | "json_populate_record"
        | "json_populate_recordset" => Rows::Unknown,
        name if is_function(name, Dialect::Postgres) => value(None, Type::Scalar),
        _ => return None,
    })
}

impl Resolver<'_, '_> {
    pub fn table_function(
        &mut self,
        name: &ObjectName,
        args: &[FunctionArg],
        with_ordinality: bool,
        alias: Option<&TableAlias>,
        scope: &mut Scope,
    ) {
        let parts = self.parts(name);
        let written = parts.join(".");
        if self.dialect == Dialect::Bigquery {
            return self.bigquery_table_function(&written, args, alias, scope);
        }
        let types = self.argument_types(args, scope);
        // The fields of an array of a composite type become columns.
        if parts == ["unnest"] {
            let mut relation = self.unnested(&types, "the argument of unnest");
            if let Some(declared) = self.declared(alias) {
                relation.fields = declared;
            }
            if with_ordinality {
                relation.fields.push(Field::new("ordinality", Type::Scalar));
            }
            self.apply_alias(&mut relation, alias);
            relation.name_value();
            return self.add(relation, scope);
        }
        let known = match parts.as_slice() {
            [schema, name] if schema == "pg_catalog" => rows(name),
            [name] => rows(name).or_else(|| self.rows_of_extension(None, name)),
            [schema, name] => self.rows_of_extension(Some(schema), name),
            _ => None,
        };
        let Some(rows) = known else {
            let own = parts.last().map_or("", String::as_str);
            let missing = self.schema.extensions().missing(Kind::Function, own);
            let reason =
                missing.unwrap_or_else(|| format!("{written} is not an allowed table function"));
            self.fault(FaultKind::Function, &written, reason);
            return self.add_open(scope);
        };
        let written = parts.into_iter().next_back().unwrap_or_default();
        self.refuse_projection(&written, &types);
        let mut relation = Relation {
            alias: Some(written.clone()),
            ..Relation::default()
        };
        match rows {
            Rows::Fields(fields) => relation.fields = fields,
            Rows::Unknown
                if written.contains("_populate_")
                    && matches!(types.first(), Some(Type::Struct(_))) =>
            {
                if let Some(Type::Struct(fields)) = types.first() {
                    relation.fields = fields.to_vec();
                }
            }
            Rows::Unknown if types.iter().any(Type::holds_cut) => {
                relation.is_cut = true;
                relation.value = Some(Type::Cut);
            }
            Rows::Unknown => relation.is_open = true,
            Rows::Value { name, data_type } => {
                let name = name.unwrap_or(&written);
                relation.fields.push(Field::new(name, data_type.clone()));
                relation.value = Some(data_type);
            }
            Rows::Declared => {
                if let Some(declared) = self.declared(alias) {
                    relation.fields = declared;
                } else {
                    let reason = format!("{written} needs a column list: as t(name type, ..)");
                    self.fault(FaultKind::Function, &written, reason);
                }
            }
        }
        if with_ordinality {
            relation.fields.push(Field::new("ordinality", Type::Scalar));
        }
        // A single unnamed column takes the alias: `generate_series(..) as day`.
        if let (Some(alias), [field, ..], Some(_)) =
            (alias, relation.fields.as_mut_slice(), &relation.value)
            && field.name == written
        {
            field.name = self.fold(&alias.name);
        }
        self.apply_alias(&mut relation, alias);
        self.add(relation, scope);
    }

    fn argument_types(&mut self, args: &[FunctionArg], scope: &Scope) -> Vec<Type> {
        let types = args.iter().map(|argument| match argument {
            FunctionArg::Unnamed(FunctionArgExpr::Expr(value))
            | FunctionArg::Named {
                arg: FunctionArgExpr::Expr(value),
                ..
            } => self.expression(value, scope),
            _ => {
                self.unsupported("this argument of a table function");
                Type::Unknown
            }
        });
        types.collect()
    }

    fn rows_of_extension(&self, schema: Option<&str>, name: &str) -> Option<Rows> {
        self.is_of_extension(Kind::Function, schema, name)
            .then_some(Rows::Unknown)
    }

    fn bigquery_table_function(
        &mut self,
        written: &str,
        args: &[FunctionArg],
        alias: Option<&TableAlias>,
        scope: &mut Scope,
    ) {
        let name = written.to_ascii_uppercase();
        let added = WITH_ROWS_OF.iter().find(|(known, _)| *known == name);
        let reads_model = OF_MODEL.contains(&name.as_str());
        let is_search = name == "VECTOR_SEARCH";
        if added.is_none() && !reads_model && !is_search {
            let reason = format!("{written} is not an allowed table function");
            self.fault(FaultKind::Function, written, reason);
        }
        let mut inputs = Vec::new();
        for (place, argument) in args.iter().enumerate() {
            let (FunctionArg::Unnamed(FunctionArgExpr::Expr(value))
            | FunctionArg::Named {
                arg: FunctionArgExpr::Expr(value),
                ..
            }
            | FunctionArg::ExprNamed {
                arg: FunctionArgExpr::Expr(value),
                ..
            }) = argument
            else {
                self.unsupported("this argument of a table function");
                continue;
            };
            match value {
                Expr::Subquery(query) => inputs.push(self.query(query, None)),
                Expr::Identifier(_) | Expr::CompoundIdentifier(_) if reads_model && place == 0 => {
                    self.model(value);
                }
                other => {
                    self.expression(other, &Scope::new(self.dialect, None));
                }
            }
        }
        let mut relation = Relation {
            is_open: reads_model || (added.is_none() && !is_search),
            ..Relation::default()
        };
        let mut inputs = inputs.into_iter();
        if let Some((_, added)) = added {
            let input = inputs.next().unwrap_or_default();
            relation.is_open = input.is_open;
            relation.fields = input.fields;
            let added = added.iter().map(|name| Field::new(*name, Type::Scalar));
            relation.fields.extend(added);
        } else if is_search {
            let mut row = |name| {
                let output: Output = inputs.next().unwrap_or_default();
                match output.is_open {
                    true => Field::new(name, Type::Unknown),
                    false => Field::new(name, Type::structure(output.fields)),
                }
            };
            relation.fields = vec![
                row("base"),
                row("query"),
                Field::new("distance", Type::Scalar),
            ];
        }
        self.apply_alias(&mut relation, alias);
        self.add(relation, scope);
    }

    /// A model, which no schema has: it must be in the dataset of a table.
    fn model(&mut self, name: &Expr) {
        let idents = match name {
            Expr::Identifier(ident) => std::slice::from_ref(ident),
            Expr::CompoundIdentifier(idents) => idents.as_slice(),
            _ => return,
        };
        let written: Vec<&str> = idents.iter().map(|ident| ident.value.as_str()).collect();
        let written = written.join(".");
        let parts: Vec<String> = written.split('.').map(str::to_owned).collect();
        if !self.schema.has_dataset_of(&parts) {
            let reason = format!("{written} is a model outside the datasets of this schema");
            self.fault(FaultKind::Table, &written, reason);
        }
    }
}

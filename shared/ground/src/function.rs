//! Function calls. Only functions in the lists in `functions/` are allowed. Each only computes from its
//! arguments; none reads a file, sleeps, locks or makes a network call.

use schema::Dialect;
use sqlparser::ast::{
    Expr, Function, FunctionArg, FunctionArgExpr, FunctionArgOperator, FunctionArgumentClause,
    FunctionArguments, LambdaFunction, ObjectName, OneOrManyWithParens, WindowType,
};

use crate::casts::is_constructor;
use crate::extensions::Kind;
use crate::fault::FaultKind;
use crate::lists::{all_functions, is_aggregate, is_function};
use crate::nearest;
use crate::resolver::Resolver;
use crate::results::{anonymous_row, result};
use crate::rewrite::is_all_of_value;
use crate::scope::{Relation, Scope};
use crate::types::{Field, Type};
use crate::units::unit_argument;

/// The expression inside `offset(0)` and similar array positions.
pub(crate) fn position(function: &Function) -> Option<&Expr> {
    let [name] = function.name.0.as_slice() else {
        return None;
    };
    let name = name.as_ident()?.value.to_ascii_uppercase();
    if !["OFFSET", "SAFE_OFFSET", "ORDINAL", "SAFE_ORDINAL"].contains(&name.as_str()) {
        return None;
    }
    match &function.args {
        FunctionArguments::List(list) => match list.args.as_slice() {
            [FunctionArg::Unnamed(FunctionArgExpr::Expr(position))] => Some(position),
            _ => None,
        },
        FunctionArguments::None | FunctionArguments::Subquery(_) => None,
    }
}

/// Functions of Postgres that return rows with fields.
const RECORDS: &[&str] = &[
    "json_each",
    "json_each_text",
    "json_populate_record",
    "json_populate_recordset",
    "json_to_record",
    "json_to_recordset",
    "jsonb_each",
    "jsonb_each_text",
    "jsonb_populate_record",
    "jsonb_populate_recordset",
    "jsonb_to_record",
    "jsonb_to_recordset",
];

/// Functions of Postgres that take any record as their only argument.
const OF_RECORDS: &[&str] = &[
    "any_value",
    "array_agg",
    "coalesce",
    "concat",
    "count",
    "first_value",
    "greatest",
    "json_agg",
    "json_build_array",
    "jsonb_agg",
    "jsonb_build_array",
    "lag",
    "last_value",
    "lead",
    "least",
    "num_nonnulls",
    "num_nulls",
    "pg_typeof",
    "quote_literal",
    "quote_nullable",
    "row",
    "row_to_json",
    "to_json",
    "to_jsonb",
];

impl Resolver<'_, '_> {
    pub fn function(&mut self, function: &Function, scope: &Scope) -> Type {
        let name = self.function_name(&function.name);
        if function.uses_odbc_syntax || !matches!(function.parameters, FunctionArguments::None) {
            self.unsupported("this form of a function call");
        }
        let is_of_extension = self.is_extension_function(&name);
        // Last, because it looks at every column.
        if !is_function(&name, self.dialect)
            && !is_of_extension
            && !self.is_constructor(&function.name)
        {
            self.unknown_function(&name);
        }
        let arguments = match &function.args {
            FunctionArguments::None => Vec::new(),
            FunctionArguments::Subquery(query) => {
                if !name.eq_ignore_ascii_case("array") {
                    self.unsupported("a query as the argument of a function");
                }
                vec![self.subquery(query, scope)]
            }
            FunctionArguments::List(list) => {
                for clause in &list.clauses {
                    self.clause(clause, scope);
                }
                if self.dialect == Dialect::Postgres {
                    self.bound_result(&name, &list.args);
                    self.configuration(&name, &list.args);
                }
                let unit = match self.dialect {
                    Dialect::Bigquery => unit_argument(&name),
                    Dialect::Postgres => (name == "normalize").then_some(1),
                };
                let mut types: Vec<Type> = Vec::with_capacity(list.args.len());
                for (i, argument) in list.args.iter().enumerate() {
                    let data_type = if unit == Some(i) && self.is_unit(argument, &name) {
                        Type::Scalar
                    } else if let Some(lambda) = as_lambda(argument) {
                        let of = types.first().map_or(Type::Unknown, Type::element);
                        self.lambda(lambda, of, scope)
                    } else {
                        self.argument(argument, scope)
                    };
                    types.push(data_type);
                }
                types
            }
        };
        self.refuse_projection(&name, &arguments);
        let mut ordered = None;
        for key in &function.within_group {
            self.only_in(Dialect::Postgres, "within group");
            ordered = Some(self.expression(&key.expr, scope));
        }
        if let Some(condition) = &function.filter {
            self.only_in(Dialect::Postgres, "filter after an aggregate");
            self.expression(condition, scope);
        }
        if function.over.is_some() && self.conditions.is_here {
            let instead = match self.dialect {
                Dialect::Bigquery => "filter by it in qualify",
                Dialect::Postgres => "compute it in a subquery, and filter that",
            };
            let reason =
                format!("{name} is a window function, which where and on can't call: {instead}");
            self.fault(FaultKind::Function, &name, reason);
        }
        match &function.over {
            None => {}
            Some(WindowType::NamedWindow(name)) => self.named_window(name, scope),
            Some(WindowType::WindowSpec(window)) => self.window(window, scope),
        }
        if function.over.is_none() && is_aggregate(&name, self.dialect) {
            self.aggregates += 1;
        }
        let holds_cut = arguments.iter().any(Type::holds_cut);
        if is_of_extension || RECORDS.contains(&name.as_str()) {
            // Its result may have fields, which only the warehouse knows, or those of an argument.
            return match arguments.into_iter().next() {
                Some(row @ Type::Struct(_)) if name.contains("_populate_") => row,
                _ if holds_cut => Type::Cut,
                _ => Type::Unknown,
            };
        }
        if self.dialect == Dialect::Postgres && name == "row" {
            return anonymous_row(arguments.into_iter().zip(wildcards(function)));
        }
        if let Some(ordered) = ordered {
            // One of the values that it orders, or an array of them.
            return if ordered.holds_cut() {
                Type::Cut
            } else {
                Type::Opaque
            };
        }
        match result(&name.to_ascii_uppercase(), arguments, self.dialect) {
            Type::Opaque if holds_cut => Type::Cut,
            known => known,
        }
    }

    /// Refuses `f(record)` if the fields of the record are hidden and no function `f` takes every record: in
    /// Postgres it means `(record).f`.
    pub fn refuse_projection(&mut self, name: &str, arguments: &[Type]) {
        if self.dialect == Dialect::Postgres
            && matches!(arguments, [Type::Cut])
            && !OF_RECORDS.contains(&name)
        {
            let reason = format!("{name} does not take a record");
            self.fault(FaultKind::Function, name, reason);
        }
    }

    /// Whether a name is that of the constructor of a range, whose type a column has.
    fn is_constructor(&mut self, name: &ObjectName) -> bool {
        let parts = self.parts(name);
        self.dialect == Dialect::Postgres && is_constructor(self.schema, &parts)
    }

    /// Whether a name, perhaps with a schema, is a function of an extension.
    fn is_extension_function(&self, name: &str) -> bool {
        let (schema, own) = match name.split_once('.') {
            Some((schema, own)) => (Some(schema), own),
            None => (None, name),
        };
        !is_function(name, self.dialect) && self.is_of_extension(Kind::Function, schema, own)
    }

    /// `element -> ..` or `(element, place) -> ..`.
    fn lambda(&mut self, lambda: &LambdaFunction, element: Type, scope: &Scope) -> Type {
        self.only_in(Dialect::Bigquery, "lambda expression");
        let params = match &lambda.params {
            OneOrManyWithParens::One(param) => std::slice::from_ref(param),
            OneOrManyWithParens::Many(params) => params.as_slice(),
        };
        let types = std::iter::once(element).chain(std::iter::repeat(Type::Scalar));
        let named = params.iter().zip(types);
        let mut inner = Scope::new(self.dialect, Some(scope));
        inner.relations.push(Relation {
            fields: named
                .map(|(param, data_type)| Field::new(self.fold(&param.name), data_type))
                .collect(),
            ..Relation::default()
        });
        self.expression(&lambda.body, &inner)
    }

    fn function_name(&mut self, name: &ObjectName) -> String {
        let written = self.parts(name).join(".");
        match self.dialect {
            Dialect::Bigquery => {
                let upper = written.to_ascii_uppercase();
                match upper.strip_prefix("SAFE.") {
                    Some(name) => name.to_owned(),
                    None => upper,
                }
            }
            Dialect::Postgres => match written.strip_prefix("pg_catalog.") {
                Some(name) => name.to_owned(),
                None => written,
            },
        }
    }

    fn unknown_function(&mut self, name: &str) {
        let own = name.rsplit_once('.').map_or(name, |(_, own)| own);
        let missing = self.schema.extensions().missing(Kind::Function, own);
        let reason = missing.unwrap_or_else(|| {
            let hint = nearest::hint(name, all_functions(self.dialect));
            format!("{name} is not a known and allowed function{hint}")
        });
        self.fault(FaultKind::Function, name, reason);
    }

    fn clause(&mut self, clause: &FunctionArgumentClause, scope: &Scope) {
        match clause {
            FunctionArgumentClause::IgnoreOrRespectNulls(_) => {}
            FunctionArgumentClause::OrderBy(keys) => {
                for key in keys {
                    self.refuse_order_options(key);
                    self.expression(&key.expr, scope);
                }
            }
            FunctionArgumentClause::Limit(limit) => {
                self.expression(limit, scope);
            }
            FunctionArgumentClause::Having(bound) => {
                self.only_in(Dialect::Bigquery, "having in an aggregate");
                self.expression(&bound.1, scope);
            }
            FunctionArgumentClause::Where(_)
            | FunctionArgumentClause::OnOverflow(_)
            | FunctionArgumentClause::Separator(_)
            | FunctionArgumentClause::JsonNullClause(_)
            | FunctionArgumentClause::JsonReturningClause(_) => {
                self.unsupported("a clause in the arguments of a function");
            }
        }
    }

    fn argument(&mut self, argument: &FunctionArg, scope: &Scope) -> Type {
        let argument = match argument {
            FunctionArg::Unnamed(argument)
            | FunctionArg::Named { arg: argument, .. }
            // `days => 3`, whose name the parser reads as an expression.
            | FunctionArg::ExprNamed {
                name: Expr::Identifier(_),
                arg: argument,
                operator: FunctionArgOperator::RightArrow | FunctionArgOperator::Assignment,
            } => argument,
            FunctionArg::ExprNamed { .. } => {
                self.unsupported("this form of a named argument");
                return Type::Unknown;
            }
        };
        match argument {
            FunctionArgExpr::Expr(expression) => self.expression(expression, scope),
            FunctionArgExpr::Wildcard => Type::Scalar,
            FunctionArgExpr::QualifiedWildcard(name) => {
                let parts = self.parts(name);
                let row = self.row_of(&parts, scope);
                if matches!(row, Type::Cut) {
                    self.refuse_star(&parts.join("."));
                }
                row
            }
            FunctionArgExpr::WildcardWithOptions(_) => {
                self.unsupported("* with options as an argument");
                Type::Unknown
            }
        }
    }
}

/// For each argument, whether it is `t.*` or `(value).*`.
pub(crate) fn wildcards(function: &Function) -> Vec<bool> {
    let FunctionArguments::List(list) = &function.args else {
        return Vec::new();
    };
    let is_wildcard = |argument: &FunctionArg| match argument {
        FunctionArg::Unnamed(FunctionArgExpr::QualifiedWildcard(_)) => true,
        FunctionArg::Unnamed(FunctionArgExpr::Expr(value)) => is_all_of_value(value),
        _ => false,
    };
    list.args.iter().map(is_wildcard).collect()
}

fn as_lambda(argument: &FunctionArg) -> Option<&LambdaFunction> {
    match argument {
        FunctionArg::Unnamed(FunctionArgExpr::Expr(Expr::Lambda(lambda))) => Some(lambda),
        _ => None,
    }
}

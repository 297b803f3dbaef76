//! The types of the results of functions.

use schema::Dialect;

use crate::types::{Field, Type};

/// The result of a function of Postgres, if it is no single value. From the return types in `pg_proc`.
fn of_postgres(name: &str, arguments: &[Type]) -> Option<Type> {
    Some(match name {
        "ENUM_RANGE"
        | "ARRAY_POSITIONS"
        | "PARSE_IDENT"
        | "REGEXP_MATCH"
        | "REGEXP_MATCHES"
        | "REGEXP_SPLIT_TO_ARRAY"
        | "STRING_TO_ARRAY"
        | "TSVECTOR_TO_ARRAY"
        | "XPATH" => Type::array(Type::Scalar),
        "ARRAY_APPEND" | "ARRAY_CAT" | "ARRAY_PREPEND" | "ARRAY_REMOVE" | "ARRAY_REPLACE"
        | "ARRAY_REVERSE" | "ARRAY_SAMPLE" | "ARRAY_SHUFFLE" | "ARRAY_SORT" | "TRIM_ARRAY" => {
            let elements = arguments.iter().map(|argument| match argument {
                Type::Array(element) => (**element).clone(),
                other => other.clone(),
            });
            Type::array(elements.fold(Type::Scalar, Type::or))
        }
        // Their coordinates and letters have positions.
        "BOX" | "CENTER" | "CURRENT_CATALOG" | "CURRENT_DATABASE" | "CURRENT_ROLE"
        | "CURRENT_SCHEMA" | "CURRENT_USER" | "DIAGONAL" | "LINE" | "LSEG" | "POINT"
        | "SESSION_USER" | "USER" => Type::Opaque,
        // A bound of a range, or a text.
        "LOWER" | "UPPER" => Type::Opaque,
        _ => return None,
    })
}

/// The row of these values in Postgres, whose fields are named by their places. A value that is `true` stands for
/// all of its fields.
pub(crate) fn anonymous_row(values: impl IntoIterator<Item = (Type, bool)>) -> Type {
    let mut types = Vec::new();
    for (value, is_all) in values {
        match (value, is_all) {
            (Type::Struct(fields), true) => {
                let fields = fields.iter().filter(|field| !field.hidden);
                types.extend(fields.map(|field| field.data_type.clone()));
            }
            (Type::Unknown, true) => return Type::Unknown,
            (other, _) => types.push(other),
        }
    }
    let named = types.into_iter().enumerate();
    Type::structure(
        named
            .map(|(place, data_type)| Field::new(format!("f{}", place + 1), data_type))
            .collect(),
    )
}

/// The type of the result, which tells what can be read below it.
pub(crate) fn result(name: &str, arguments: Vec<Type>, dialect: Dialect) -> Type {
    if dialect == Dialect::Postgres
        && let Some(result) = of_postgres(name, &arguments)
    {
        return result;
    }
    let mut arguments = arguments.into_iter();
    let mut first = || arguments.next().unwrap_or(Type::Scalar);
    match name {
        "MAX" | "MIN" | "ANY_VALUE" | "FIRST_VALUE" | "LAST_VALUE" | "NTH_VALUE" | "LAG"
        | "LEAD" | "NULLIF" | "ARRAY_REVERSE" | "ARRAY_SLICE" | "MAX_BY" | "MIN_BY"
        | "ARRAY_CONCAT_AGG" | "ARRAY_FILTER" | "PERCENTILE_DISC" => first(),
        "COALESCE" | "IFNULL" | "GREATEST" | "LEAST" | "ARRAY_CONCAT" => {
            arguments.fold(Type::Scalar, Type::or)
        }
        "IF" => arguments.skip(1).fold(Type::Scalar, Type::or),
        "ARRAY_AGG" | "ARRAY" => Type::array(first()),
        "ARRAY_TRANSFORM" => Type::array(arguments.nth(1).unwrap_or(Type::Unknown)),
        "ARRAY_FIRST" | "ARRAY_LAST" | "UNNEST" => first().element(),
        "SPLIT"
        | "GENERATE_ARRAY"
        | "GENERATE_DATE_ARRAY"
        | "GENERATE_TIMESTAMP_ARRAY"
        | "GENERATE_RANGE_ARRAY"
        | "REGEXP_EXTRACT_ALL"
        | "JSON_VALUE_ARRAY"
        | "JSON_EXTRACT_STRING_ARRAY"
        | "JSON_KEYS"
        | "APPROX_QUANTILES"
        | "TO_CODE_POINTS" => Type::array(Type::Scalar),
        "JSON_QUERY_ARRAY" | "JSON_EXTRACT_ARRAY" => Type::array(Type::Json),
        "APPROX_TOP_COUNT" => top("count"),
        "APPROX_TOP_SUM" => top("sum"),
        _ if is_json(name) => Type::Json,
        _ => Type::Scalar,
    }
}

fn top(measure: &str) -> Type {
    Type::array(Type::structure(vec![
        Field::new("value", Type::Scalar),
        Field::new(measure, Type::Scalar),
    ]))
}

fn is_json(name: &str) -> bool {
    let makes_json = [
        "JSON_QUERY",
        "PARSE_JSON",
        "TO_JSON",
        "TO_JSONB",
        "ROW_TO_JSON",
    ];
    makes_json.contains(&name)
        || (name.starts_with("JSON") && !name.ends_with("_SCALAR") && !name.ends_with("_TEXT"))
            && name != "JSON_VALUE"
            && name != "JSON_TYPE"
            && !name.ends_with("_LENGTH")
}

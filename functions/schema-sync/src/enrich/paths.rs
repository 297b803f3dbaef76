//! Walks over the columns of a table and their nested fields.

use schema::document::Column;
use schema::name::path;

/// Calls `visit` with each path and its column, parents first, in the order of the schema.
pub fn walk<'a>(columns: &'a [Column], visit: &mut impl FnMut(&str, &'a Column)) {
    fn below<'a>(parent: &str, columns: &'a [Column], visit: &mut impl FnMut(&str, &'a Column)) {
        for column in columns {
            let path = path(parent, &column.name);
            visit(&path, column);
            below(&path, &column.fields, visit);
        }
    }
    below("", columns, visit);
}

/// [`walk`] with mutable columns.
pub fn walk_mut(columns: &mut [Column], visit: &mut impl FnMut(&str, &mut Column)) {
    fn below(parent: &str, columns: &mut [Column], visit: &mut impl FnMut(&str, &mut Column)) {
        for column in columns {
            let path = path(parent, &column.name);
            visit(&path, column);
            below(&path, &mut column.fields, visit);
        }
    }
    below("", columns, visit);
}

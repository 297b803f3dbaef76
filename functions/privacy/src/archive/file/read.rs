//! Reads rows from a file.

use std::collections::HashMap;
use std::io::Read as _;

use anyhow::{Context as _, anyhow, ensure};
use bytes::Bytes;
use parquet::column::reader::get_typed_column_reader;
use parquet::data_type::{
    ByteArrayType, DataType, DoubleType, FixedLenByteArrayType, Int32Type, Int64Type,
};
use parquet::file::reader::{FileReader as _, RowGroupReader, SerializedFileReader};
use sha2::{Digest as _, Sha256};
use uuid::Uuid;

use super::ArchivedRow;
use crate::keys::PersonKey;

const COLUMNS: usize = 12;
const SEALED: usize = 11;
/// The maximum size of decompressed personal data. Valid rows are much smaller.
const MAX_PERSONAL_BYTES: u64 = 16 * 1024 * 1024;

/// Passes the rows whose key `wanted` accepts to `take`, in order. Their personal data is still encrypted.
pub fn read(
    body: Bytes,
    wanted: impl Fn(Option<i64>) -> bool,
    mut take: impl FnMut(ArchivedRow) -> anyhow::Result<()>,
) -> anyhow::Result<()> {
    let file = SerializedFileReader::new(body)?;
    let format = file
        .metadata()
        .file_metadata()
        .key_value_metadata()
        .and_then(|pairs| pairs.iter().find(|pair| pair.key == "metasync.format"))
        .and_then(|pair| pair.value.as_deref());
    ensure!(
        format == Some("1"),
        "unknown archive format {format:?}: this version reads format 1"
    );
    for index in 0..file.num_row_groups() {
        let group = file.get_row_group(index)?;
        let group = group.as_ref();
        ensure!(
            group.num_columns() == COLUMNS,
            "an archive file has {} columns instead of {COLUMNS}",
            group.num_columns()
        );
        let keys = optional::<Int64Type>(group, 10)?;
        if !keys.iter().any(|key| wanted(*key)) {
            continue;
        }
        let ids = required::<FixedLenByteArrayType>(group, 0)?;
        let robeings = required::<ByteArrayType>(group, 1)?;
        let sources = required::<ByteArrayType>(group, 2)?;
        let tokens = required::<Int32Type>(group, 3)?;
        let confidence = optional::<DoubleType>(group, 4)?;
        let reply_to = optional::<FixedLenByteArrayType>(group, 5)?;
        let created = required::<Int64Type>(group, 6)?;
        let edited = optional::<Int64Type>(group, 7)?;
        let deleted = optional::<Int64Type>(group, 8)?;
        let erased = optional::<Int64Type>(group, 9)?;
        let mut sealed = optional::<ByteArrayType>(group, SEALED)?;
        for (row, key_id) in keys.into_iter().enumerate().filter(|(_, key)| wanted(*key)) {
            take(ArchivedRow {
                id: Uuid::from_slice(ids[row].data())?,
                robeing_id: robeings[row].as_utf8()?.to_owned(),
                source: sources[row].as_utf8()?.to_owned(),
                token_count: tokens[row],
                confidence: confidence[row],
                reply_to: match &reply_to[row] {
                    Some(id) => Some(Uuid::from_slice(id.data())?),
                    None => None,
                },
                created_at: created[row],
                edited_at: edited[row],
                deleted_at: deleted[row],
                erased_at: erased[row],
                key_id,
                personal: sealed[row].take().map(|it| it.data().to_vec()),
            })?;
        }
    }
    Ok(())
}

impl ArchivedRow {
    /// Decrypts the personal data.
    pub fn open(&mut self, key: &PersonKey) -> anyhow::Result<()> {
        if let Some(sealed) = self.personal.take() {
            let compressed = key.open(self.id.as_bytes(), &sealed)?;
            let mut plain = Vec::with_capacity(compressed.len() * 3);
            zstd::Decoder::new(&*compressed)?
                .take(MAX_PERSONAL_BYTES)
                .read_to_end(&mut plain)?;
            self.personal = Some(plain);
        }
        Ok(())
    }
}

/// Decrypts a whole file. Returns the number of rows and the digest of their content.
pub fn digest(body: Bytes, keys: &HashMap<i64, PersonKey>) -> anyhow::Result<(i64, [u8; 32])> {
    let (mut rows, mut content) = (0, Sha256::new());
    read(
        body,
        |_| true,
        |mut row| {
            if let Some(key_id) = row.key_id {
                let key = keys.get(&key_id).context("a row has no key")?;
                row.open(key)?;
            }
            row.add_to(&mut content);
            rows += 1;
            Ok(())
        },
    )?;
    Ok((rows, content.finalize().into()))
}

/// The values of a required column.
fn required<T: DataType>(group: &dyn RowGroupReader, column: usize) -> anyhow::Result<Vec<T::T>> {
    let values = optional::<T>(group, column)?;
    let values: Option<Vec<T::T>> = values.into_iter().collect();
    values.ok_or_else(|| anyhow!("a required column of an archive file has null values"))
}

/// The values of a column that may be null.
fn optional<T: DataType>(
    group: &dyn RowGroupReader,
    column: usize,
) -> anyhow::Result<Vec<Option<T::T>>> {
    let rows = usize::try_from(group.metadata().num_rows())?;
    let is_optional = group
        .metadata()
        .column(column)
        .column_descr()
        .max_def_level()
        > 0;
    let mut reader = get_typed_column_reader::<T>(group.get_column_reader(column)?);
    let mut values = Vec::with_capacity(rows);
    let mut levels = Vec::with_capacity(rows);
    let mut read = 0;
    while read < rows {
        let levels = is_optional.then_some(&mut levels);
        let (records, _, _) = reader.read_records(rows - read, levels, None, &mut values)?;
        ensure!(records > 0, "a column of an archive file ends early");
        read += records;
    }
    let mut values = values.into_iter();
    if !is_optional {
        return Ok(values.map(Some).collect());
    }
    let row = |level: &i16| if *level > 0 { values.next() } else { None };
    Ok(levels.iter().map(row).collect())
}

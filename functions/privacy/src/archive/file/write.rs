//! Writes rows to a file.

use std::collections::HashMap;
use std::sync::Arc;

use anyhow::Context as _;
use bytes::Bytes;
use parquet::basic::{Compression, ZstdLevel};
use parquet::data_type::{
    ByteArray, ByteArrayType, DataType, DoubleType, FixedLenByteArray, FixedLenByteArrayType,
    Int32Type, Int64Type,
};
use parquet::file::metadata::KeyValue;
use parquet::file::properties::{EnabledStatistics, WriterProperties};
use parquet::file::writer::{SerializedFileWriter, SerializedRowGroupWriter};
use parquet::schema::parser::parse_message_type;
use parquet::schema::types::ColumnPath;
use sha2::{Digest as _, Sha256};
use uuid::Uuid;

use super::{ArchivedRow, SCHEMA};
use crate::keys::PersonKey;

/// A finished file.
pub struct File {
    pub body: Bytes,
    pub rows: i64,
    pub last_id: Uuid,
    /// The digest of the rows.
    pub content: [u8; 32],
    /// The number of encrypted rows per key.
    pub sealed: HashMap<i64, i32>,
}

pub struct Writer {
    file: SerializedFileWriter<Vec<u8>>,
    compressor: zstd::bulk::Compressor<'static>,
    content: Sha256,
    rows: i64,
    last_id: Uuid,
    sealed: HashMap<i64, i32>,
}

impl Writer {
    /// `bytes` is the expected size of the file.
    pub fn new(month: &str, bytes: usize) -> anyhow::Result<Self> {
        let metadata = [("metasync.format", "1"), ("metasync.month", month)];
        let metadata =
            metadata.map(|(name, value)| KeyValue::new(name.to_owned(), value.to_owned()));
        let sealed = ColumnPath::from("sealed");
        let properties = WriterProperties::builder()
            .set_created_by("metasync".to_owned())
            .set_key_value_metadata(Some(metadata.into()))
            .set_compression(Compression::ZSTD(ZstdLevel::try_new(3)?))
            // Encrypted data does not compress, repeat or sort.
            .set_column_compression(sealed.clone(), Compression::UNCOMPRESSED)
            .set_column_dictionary_enabled(sealed.clone(), false)
            .set_column_statistics_enabled(sealed, EnabledStatistics::None)
            .build();
        let schema = Arc::new(parse_message_type(SCHEMA)?);
        Ok(Self {
            file: SerializedFileWriter::new(
                Vec::with_capacity(bytes),
                schema,
                Arc::new(properties),
            )?,
            compressor: zstd::bulk::Compressor::new(3)?,
            content: Sha256::new(),
            rows: 0,
            last_id: Uuid::nil(),
            sealed: HashMap::new(),
        })
    }

    pub fn rows(&self) -> i64 {
        self.rows
    }

    pub fn bytes(&self) -> usize {
        self.file.bytes_written()
    }

    /// Adds rows as one row group. `keys` must have the key of each row.
    pub fn add(
        &mut self,
        rows: &[ArchivedRow],
        keys: &HashMap<i64, PersonKey>,
    ) -> anyhow::Result<()> {
        let mut sealed = Vec::with_capacity(rows.len());
        for row in rows {
            row.add_to(&mut self.content);
            self.rows += 1;
            self.last_id = row.id;
            let (Some(key_id), Some(personal)) = (row.key_id, &row.personal) else {
                sealed.push(None);
                continue;
            };
            let key = keys
                .get(&key_id)
                .context("the key of a row was not loaded")?;
            let compressed = self.compressor.compress(personal)?;
            sealed.push(Some(ByteArray::from(
                key.seal(row.id.as_bytes(), compressed)?,
            )));
            *self.sealed.entry(key_id).or_default() += 1;
        }
        let mut group = self.file.next_row_group()?;
        let text = |text: &str| ByteArray::from(text.as_bytes().to_vec());
        let id = |id: Uuid| FixedLenByteArray::from(id.as_bytes().to_vec());
        required::<FixedLenByteArrayType>(&mut group, rows, |it| id(it.id))?;
        required::<ByteArrayType>(&mut group, rows, |it| text(&it.robeing_id))?;
        required::<ByteArrayType>(&mut group, rows, |it| text(&it.source))?;
        required::<Int32Type>(&mut group, rows, |it| it.token_count)?;
        optional::<DoubleType, _>(&mut group, rows, |it| it.confidence)?;
        optional::<FixedLenByteArrayType, _>(&mut group, rows, |it| it.reply_to.map(id))?;
        required::<Int64Type>(&mut group, rows, |it| it.created_at)?;
        optional::<Int64Type, _>(&mut group, rows, |it| it.edited_at)?;
        optional::<Int64Type, _>(&mut group, rows, |it| it.deleted_at)?;
        optional::<Int64Type, _>(&mut group, rows, |it| it.erased_at)?;
        optional::<Int64Type, _>(&mut group, rows, |it| it.key_id)?;
        optional::<ByteArrayType, _>(&mut group, &sealed, Clone::clone)?;
        group.close()?;
        Ok(())
    }

    pub fn finish(self) -> anyhow::Result<File> {
        Ok(File {
            body: self.file.into_inner()?.into(),
            rows: self.rows,
            last_id: self.last_id,
            content: self.content.finalize().into(),
            sealed: self.sealed,
        })
    }
}

fn required<T: DataType>(
    group: &mut SerializedRowGroupWriter<'_, Vec<u8>>,
    rows: &[ArchivedRow],
    of: impl Fn(&ArchivedRow) -> T::T,
) -> anyhow::Result<()> {
    let values: Vec<T::T> = rows.iter().map(of).collect();
    write::<T>(group, &values, None)
}

fn optional<T: DataType, S>(
    group: &mut SerializedRowGroupWriter<'_, Vec<u8>>,
    rows: &[S],
    of: impl Fn(&S) -> Option<T::T>,
) -> anyhow::Result<()> {
    let values: Vec<Option<T::T>> = rows.iter().map(of).collect();
    let levels: Vec<i16> = values.iter().map(|it| i16::from(it.is_some())).collect();
    let values: Vec<T::T> = values.into_iter().flatten().collect();
    write::<T>(group, &values, Some(&levels))
}

fn write<T: DataType>(
    group: &mut SerializedRowGroupWriter<'_, Vec<u8>>,
    values: &[T::T],
    levels: Option<&[i16]>,
) -> anyhow::Result<()> {
    let column = group.next_column()?;
    let mut column = column.context("the schema has no further column")?;
    column.typed::<T>().write_batch(values, levels, None)?;
    Ok(column.close()?)
}

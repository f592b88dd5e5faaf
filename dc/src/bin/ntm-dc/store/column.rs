//! Text in a column to a checked value; a damaged row is an error, never a guess.

use ntm_proto::id::{Fqdn, Label, NodeId};
use ntm_proto::key::PublicKey;
use rusqlite::Row;
use rusqlite::types::Type;
use std::str::FromStr;

/// A node id.
pub(super) fn node(row: &Row<'_>, index: usize) -> rusqlite::Result<NodeId> {
    parse(row, index, NodeId::parse)
}

/// A public key.
pub(super) fn key(row: &Row<'_>, index: usize) -> rusqlite::Result<PublicKey> {
    parse(row, index, |text| PublicKey::parse(text).ok())
}

/// One part of a name.
pub(super) fn label(row: &Row<'_>, index: usize) -> rusqlite::Result<Label> {
    parse(row, index, |text| Label::parse(text).ok())
}

/// A full name.
pub(super) fn name(row: &Row<'_>, index: usize) -> rusqlite::Result<Fqdn> {
    parse(row, index, |text| Fqdn::parse(text).ok())
}

/// An IP address.
pub(super) fn address<T: FromStr>(row: &Row<'_>, index: usize) -> rusqlite::Result<T> {
    parse(row, index, |text| text.parse().ok())
}

/// An address that may be missing. One that cannot be read is only a lost hint.
pub(super) fn hint<T: FromStr>(row: &Row<'_>, index: usize) -> rusqlite::Result<Option<T>> {
    let text: Option<String> = row.get(index)?;
    Ok(text.and_then(|text| text.parse().ok()))
}

fn parse<T>(row: &Row<'_>, index: usize, read: impl Fn(&str) -> Option<T>) -> rusqlite::Result<T> {
    let text: String = row.get(index)?;
    read(&text).ok_or_else(|| {
        let error = format!("{text:?} is no value for this column").into();
        rusqlite::Error::FromSqlConversionFailure(index, Type::Text, error)
    })
}

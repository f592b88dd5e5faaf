//! How each type of field stands in a message.

use super::{Refusal, Target};
use crate::address;
use crate::bind::LegKey;
use crate::id::{DeviceKey, Fqdn, Label, NodeId, PathId, TunnelId};
use crate::key::PublicKey;
use crate::release::Release;
use crate::wire::{DecodeError, Reader, Writer};
use std::net::{Ipv4Addr, Ipv6Addr, SocketAddr};
use uuid::Uuid;

/// Something with a place in a message.
pub(super) trait Field: Sized {
    fn put(&self, writer: &mut Writer<'_>);
    fn get(reader: &mut Reader<'_>) -> Result<Self, DecodeError>;

    /// The message's byte, then its fields.
    fn put_as(&self, message: u8, writer: &mut Writer<'_>) {
        writer.u8(message);
        self.put(writer);
    }
}

/// A field that may stand in a list, and how many of it at most.
pub(super) trait Listed: Field {
    const LIMIT: usize;
}

/// A struct is its fields, one after another.
macro_rules! fields {
    ($name:ident { $($field:ident),* }) => {
        impl $crate::message::codec::Field for $name {
            fn put(&self, writer: &mut $crate::wire::Writer<'_>) {
                $($crate::message::codec::Field::put(&self.$field, writer);)*
            }
            fn get(reader: &mut $crate::wire::Reader<'_>) -> Result<Self, $crate::wire::DecodeError> {
                Ok(Self { $($field: $crate::message::codec::Field::get(reader)?),* })
            }
        }
    };
}

/// Longest list of each type.
macro_rules! list_limits {
    ($($name:ty: $limit:expr),*) => {
        $(impl $crate::message::codec::Listed for $name { const LIMIT: usize = $limit; })*
    };
}

pub(super) use {fields, list_limits};

macro_rules! numbers {
    ($($type:ty: $method:ident),*) => {
        $(impl Field for $type {
            fn put(&self, writer: &mut Writer<'_>) { writer.$method(*self); }
            fn get(reader: &mut Reader<'_>) -> Result<Self, DecodeError> { reader.$method() }
        })*
    };
}

/// Types that are a fixed number of bytes.
macro_rules! arrays {
    ($($type:ty: $bytes:expr, $make:expr);* $(;)?) => {
        $(impl Field for $type {
            fn put(&self, writer: &mut Writer<'_>) { writer.bytes(&$bytes(self)); }
            fn get(reader: &mut Reader<'_>) -> Result<Self, DecodeError> { reader.array().map($make) }
        })*
    };
}

numbers!(u8: u8, u16: u16, u32: u32, u64: u64);
arrays!(
    [u8; 8]: |v: &[u8; 8]| *v, |v| v;
    NodeId: |v: &NodeId| *v.0.as_bytes(), |v| NodeId(Uuid::from_bytes(v));
    TunnelId: |v: &TunnelId| v.0, TunnelId;
    DeviceKey: |v: &DeviceKey| v.0, DeviceKey;
    PublicKey: |v: &PublicKey| v.0, PublicKey;
    LegKey: |v: &LegKey| v.0, LegKey;
    PathId: |v: &PathId| v.0.to_be_bytes(), |v| PathId(u32::from_be_bytes(v));
    Ipv4Addr: Ipv4Addr::octets, |v: [u8; 4]| Ipv4Addr::from(v);
    Ipv6Addr: Ipv6Addr::octets, |v: [u8; 16]| Ipv6Addr::from(v);
);

/// Appended to messages that were without it before: where nothing is left to read, nothing was said.
impl Field for Release {
    fn put(&self, writer: &mut Writer<'_>) {
        writer.bytes(&[self.major, self.minor, self.patch]);
    }
    fn get(reader: &mut Reader<'_>) -> Result<Self, DecodeError> {
        if reader.is_empty() {
            return Ok(Self::default());
        }
        let [major, minor, patch] = reader.array()?;
        Ok(Self {
            major,
            minor,
            patch,
        })
    }
}

impl Field for bool {
    fn put(&self, writer: &mut Writer<'_>) {
        writer.u8(u8::from(*self));
    }
    fn get(reader: &mut Reader<'_>) -> Result<Self, DecodeError> {
        Ok(reader.u8()? != 0)
    }
}

impl Field for SocketAddr {
    fn put(&self, writer: &mut Writer<'_>) {
        address::encode(writer, *self);
    }
    fn get(reader: &mut Reader<'_>) -> Result<Self, DecodeError> {
        address::decode(reader)
    }
}

impl Field for Label {
    fn put(&self, writer: &mut Writer<'_>) {
        put_text(self.as_str(), writer);
    }
    fn get(reader: &mut Reader<'_>) -> Result<Self, DecodeError> {
        Self::parse(get_text(reader)?).map_err(|_| DecodeError::Invalid)
    }
}

impl Field for Fqdn {
    fn put(&self, writer: &mut Writer<'_>) {
        put_text(self.as_str(), writer);
    }
    fn get(reader: &mut Reader<'_>) -> Result<Self, DecodeError> {
        Self::parse(get_text(reader)?).map_err(|_| DecodeError::Invalid)
    }
}

fn put_text(text: &str, writer: &mut Writer<'_>) {
    let length = u8::try_from(text.len()).expect("names have at most 253 characters");
    writer.u8(length);
    writer.bytes(text.as_bytes());
}

fn get_text<'a>(reader: &mut Reader<'a>) -> Result<&'a str, DecodeError> {
    let length = reader.u8()?;
    std::str::from_utf8(reader.take(length.into())?).map_err(|_| DecodeError::Invalid)
}

impl<T: Field> Field for Option<T> {
    fn put(&self, writer: &mut Writer<'_>) {
        writer.u8(u8::from(self.is_some()));
        if let Some(value) = self {
            value.put(writer);
        }
    }
    fn get(reader: &mut Reader<'_>) -> Result<Self, DecodeError> {
        if reader.u8()? == 0 {
            Ok(None)
        } else {
            T::get(reader).map(Some)
        }
    }
}

impl<T: Field> Field for Result<T, Refusal> {
    fn put(&self, writer: &mut Writer<'_>) {
        match self {
            Ok(value) => {
                writer.u8(0);
                value.put(writer);
            }
            Err(refusal) => {
                writer.u8(1);
                refusal.put(writer);
            }
        }
    }
    fn get(reader: &mut Reader<'_>) -> Result<Self, DecodeError> {
        match reader.u8()? {
            0 => T::get(reader).map(Ok),
            _ => Refusal::get(reader).map(Err),
        }
    }
}

impl<T: Listed> Field for Vec<T> {
    /// Sends at most the limit; whoever fills the list keeps to it.
    fn put(&self, writer: &mut Writer<'_>) {
        let count = self.len().min(T::LIMIT);
        writer.u8(count as u8);
        self[..count].iter().for_each(|item| item.put(writer));
    }
    fn get(reader: &mut Reader<'_>) -> Result<Self, DecodeError> {
        let count = usize::from(reader.u8()?);
        if count > T::LIMIT {
            return Err(DecodeError::Invalid);
        }
        (0..count).map(|_| T::get(reader)).collect()
    }
}

impl Field for Target {
    fn put(&self, writer: &mut Writer<'_>) {
        match self {
            Self::Name(name) => name.put_as(1, writer),
            Self::V4(address) => address.put_as(4, writer),
            Self::V6(address) => address.put_as(6, writer),
        }
    }
    fn get(reader: &mut Reader<'_>) -> Result<Self, DecodeError> {
        Ok(match reader.u8()? {
            1 => Self::Name(Field::get(reader)?),
            4 => Self::V4(Field::get(reader)?),
            6 => Self::V6(Field::get(reader)?),
            _ => return Err(DecodeError::Unknown),
        })
    }
}

impl Field for Refusal {
    fn put(&self, writer: &mut Writer<'_>) {
        writer.u8(match self {
            Self::Unknown => 1,
            Self::NotAllowed => 2,
            Self::Offline => 3,
            Self::NoRelay => 4,
            Self::Limit => 5,
            Self::NotRegistered => 6,
            Self::Storage => 7,
            Self::Local => 8,
            Self::DomainUnknown => 9,
            Self::DomainUnreachable => 10,
            Self::DomainNotAllowing => 11,
            Self::PathTaken => 12,
            Self::KeyInUse => 13,
        });
    }
    fn get(reader: &mut Reader<'_>) -> Result<Self, DecodeError> {
        Ok(match reader.u8()? {
            1 => Self::Unknown,
            2 => Self::NotAllowed,
            3 => Self::Offline,
            4 => Self::NoRelay,
            5 => Self::Limit,
            6 => Self::NotRegistered,
            7 => Self::Storage,
            8 => Self::Local,
            9 => Self::DomainUnknown,
            10 => Self::DomainUnreachable,
            11 => Self::DomainNotAllowing,
            12 => Self::PathTaken,
            13 => Self::KeyInUse,
            _ => return Err(DecodeError::Unknown),
        })
    }
}

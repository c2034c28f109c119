//! The wire form of values.

use bytes::Bytes;

use super::{DecodeError, Problem, Reader, Records, Str, Uuid, Writer};

/// The version of the message that is being read or written.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Version {
    /// The version's number.
    pub number: i16,
    /// Whether lengths are compact and structs end in tags.
    pub flexible: bool,
}

/// A value that has a wire form. `Default` is what stands in for it in versions without the field.
///
/// A field that a version lacks is left out when writing, whatever its value: a caller that needs a field has
/// to ask for a version that has it.
pub trait Wire: Sized + Default {
    /// Reads a value. Fails on bytes that are not one.
    fn read(reader: &mut Reader, version: Version) -> Result<Self, DecodeError>;

    /// Writes the value.
    fn write(&self, writer: &mut Writer, version: Version);

    /// Calls `each` with every error code inside, zeros among them: with the fields whose names end in `error_code`.
    fn errors(&self, _each: &mut dyn FnMut(i16)) {}
}

/// A value whose wire form can also say null.
pub trait Nullable: Wire {
    /// Reads a value or null. Fails on bytes that are neither.
    fn read_nullable(reader: &mut Reader, version: Version) -> Result<Option<Self>, DecodeError>;

    /// Writes a value or null.
    fn write_nullable(value: Option<&Self>, writer: &mut Writer, version: Version);
}

/// Writes a value, or its type's default for none: for versions in which null is not legal.
pub fn write_or_default<T: Wire>(value: Option<&T>, writer: &mut Writer, version: Version) {
    match value {
        Some(value) => value.write(writer, version),
        None => T::default().write(writer, version),
    }
}

/// Reads a struct that may be null: a negative byte is null, any other precedes the struct, as Kafka reads it.
/// Fails on bytes that are neither.
pub fn read_marked<T: Wire>(reader: &mut Reader, version: Version) -> Result<Option<T>, DecodeError> {
    if reader.i8()? < 0 { Ok(None) } else { T::read(reader, version).map(Some) }
}

/// Writes a struct that may be null, behind the byte that says so.
pub fn write_marked<T: Wire>(value: Option<&T>, writer: &mut Writer, version: Version) {
    writer.i8(if value.is_some() { 1 } else { -1 });
    if let Some(value) = value {
        value.write(writer, version);
    }
}

macro_rules! integers {
    ($($integer:ident)*) => {$(
        impl Wire for $integer {
            fn read(reader: &mut Reader, _: Version) -> Result<Self, DecodeError> {
                reader.$integer()
            }

            fn write(&self, writer: &mut Writer, _: Version) {
                writer.$integer(*self);
            }
        }
    )*};
}

integers!(i8 i16 i32 i64 u16);

impl Wire for bool {
    fn read(reader: &mut Reader, _: Version) -> Result<Self, DecodeError> {
        Ok(reader.i8()? != 0)
    }

    fn write(&self, writer: &mut Writer, _: Version) {
        writer.i8(i8::from(*self));
    }
}

impl Wire for Uuid {
    fn read(reader: &mut Reader, _: Version) -> Result<Self, DecodeError> {
        Ok(reader.u128()?.into())
    }

    fn write(&self, writer: &mut Writer, _: Version) {
        writer.u128((*self).into());
    }
}

/// `Wire` for a type that has `Nullable`.
macro_rules! never_null {
    ($($type:ty;)*) => {$(
        impl Wire for $type {
            fn read(reader: &mut Reader, version: Version) -> Result<Self, DecodeError> {
                Self::read_nullable(reader, version)?.ok_or(Problem::UnexpectedNull.into())
            }

            fn write(&self, writer: &mut Writer, version: Version) {
                Self::write_nullable(Some(self), writer, version);
            }
        }
    )*};
}

never_null! {
    Str;
    Bytes;
    Records;
}

impl<T: Wire> Wire for Vec<T> {
    fn read(reader: &mut Reader, version: Version) -> Result<Self, DecodeError> {
        Self::read_nullable(reader, version)?.ok_or(Problem::UnexpectedNull.into())
    }

    fn write(&self, writer: &mut Writer, version: Version) {
        Self::write_nullable(Some(self), writer, version);
    }

    fn errors(&self, each: &mut dyn FnMut(i16)) {
        self.iter().for_each(|value| value.errors(each));
    }
}

impl Nullable for Str {
    fn read_nullable(reader: &mut Reader, version: Version) -> Result<Option<Self>, DecodeError> {
        let Some(length) = reader.short_length(version.flexible)? else { return Ok(None) };
        let text = Self::try_from(reader.bytes(length)?).map_err(|_| Problem::NotUtf8)?;
        Ok(Some(text))
    }

    fn write_nullable(value: Option<&Self>, writer: &mut Writer, version: Version) {
        writer.short_length(version.flexible, value.map(|text| text.len()));
        if let Some(text) = value {
            writer.share(text.as_bytes());
        }
    }
}

impl Nullable for Bytes {
    fn read_nullable(reader: &mut Reader, version: Version) -> Result<Option<Self>, DecodeError> {
        reader.long_length(version.flexible)?.map(|length| reader.bytes(length)).transpose()
    }

    fn write_nullable(value: Option<&Self>, writer: &mut Writer, version: Version) {
        writer.long_length(version.flexible, value.map(Self::len));
        if let Some(bytes) = value {
            writer.share(bytes);
        }
    }
}

impl Nullable for Records {
    fn read_nullable(reader: &mut Reader, version: Version) -> Result<Option<Self>, DecodeError> {
        Ok(Bytes::read_nullable(reader, version)?.map(Self::from))
    }

    fn write_nullable(value: Option<&Self>, writer: &mut Writer, version: Version) {
        writer.long_length(version.flexible, value.map(Self::len));
        if let Some(records) = value {
            records.chunks().for_each(|chunk| writer.share(chunk));
        }
    }
}

impl<T: Wire> Nullable for Vec<T> {
    fn read_nullable(reader: &mut Reader, version: Version) -> Result<Option<Self>, DecodeError> {
        let Some(length) = reader.long_length(version.flexible)? else { return Ok(None) };
        let mut values = reader.reserve(length)?;
        for _ in 0..length {
            values.push(T::read(reader, version)?);
        }
        Ok(Some(values))
    }

    fn write_nullable(value: Option<&Self>, writer: &mut Writer, version: Version) {
        writer.long_length(version.flexible, value.map(Self::len));
        for element in value.into_iter().flatten() {
            element.write(writer, version);
        }
    }
}

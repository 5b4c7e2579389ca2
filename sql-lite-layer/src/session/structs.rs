//! Rows as structs, by serde: fields are found by the columns' names.
//!
//! A struct reads the columns that bear its fields' names (a column without a field is left out), a tuple reads them in order, a single value reads the only column.

use std::fmt;

use serde::de::value::{BorrowedStrDeserializer, MapDeserializer, SeqDeserializer};
use serde::de::{DeserializeOwned, Deserializer, IntoDeserializer, Visitor};
use serde::forward_to_deserialize_any;

use super::row::Row;
use crate::error::{Error, ErrorKind, Result};
use crate::types::Value;

impl Row<'_> {
    /// The row as a value of a type that serde can make.
    ///
    /// # Errors
    /// `Type` if a field is missing among the columns, or a value does not fit its field: the message names it.
    pub fn to<T: DeserializeOwned>(&self) -> Result<T> {
        T::deserialize(Fields(*self)).map_err(|Misfit(what)| Error::new(ErrorKind::Type, what).with_state("22018"))
    }
}

/// What serde says of a row that does not fit.
#[derive(Debug)]
struct Misfit(String);

impl fmt::Display for Misfit {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(&self.0)
    }
}

impl std::error::Error for Misfit {}

impl serde::de::Error for Misfit {
    fn custom<T: fmt::Display>(what: T) -> Misfit {
        Misfit(what.to_string())
    }
}

struct Fields<'r>(Row<'r>);

impl<'r> Fields<'r> {
    fn only(&self) -> std::result::Result<Field<'r>, Misfit> {
        let mut all = self.all();
        match (all.next(), all.next()) {
            (Some(field), None) => Ok(field),
            _ => Err(Misfit(format!("one value is asked for, and the row has {} columns", self.0.columns().len()))),
        }
    }

    fn all(&self) -> impl Iterator<Item = Field<'r>> + use<'r> {
        self.0.columns().iter().zip(self.0.values()).map(|(column, value)| Field { name: column.name(), value })
    }
}

impl<'r> Deserializer<'r> for Fields<'r> {
    type Error = Misfit;

    fn deserialize_any<V: Visitor<'r>>(self, visitor: V) -> std::result::Result<V::Value, Misfit> {
        self.only()?.deserialize_any(visitor)
    }

    fn deserialize_option<V: Visitor<'r>>(self, visitor: V) -> std::result::Result<V::Value, Misfit> {
        self.only()?.deserialize_option(visitor)
    }

    fn deserialize_enum<V: Visitor<'r>>(
        self,
        name: &'static str,
        variants: &'static [&'static str],
        visitor: V,
    ) -> std::result::Result<V::Value, Misfit> {
        self.only()?.deserialize_enum(name, variants, visitor)
    }

    fn deserialize_map<V: Visitor<'r>>(self, visitor: V) -> std::result::Result<V::Value, Misfit> {
        visitor.visit_map(MapDeserializer::new(self.all().map(|field| (field.name, field))))
    }

    fn deserialize_struct<V: Visitor<'r>>(
        self,
        _name: &'static str,
        fields: &'static [&'static str],
        visitor: V,
    ) -> std::result::Result<V::Value, Misfit> {
        let named = self.all().filter_map(|field| {
            let name = fields.iter().find(|name| name.eq_ignore_ascii_case(field.name))?;
            Some((*name, field))
        });
        visitor.visit_map(MapDeserializer::new(named))
    }

    fn deserialize_seq<V: Visitor<'r>>(self, visitor: V) -> std::result::Result<V::Value, Misfit> {
        visitor.visit_seq(SeqDeserializer::new(self.all()))
    }

    fn deserialize_tuple<V: Visitor<'r>>(self, len: usize, visitor: V) -> std::result::Result<V::Value, Misfit> {
        if len != self.0.columns().len() {
            return Err(Misfit(format!("{len} values are asked for, and the row has {} columns", self.0.columns().len())));
        }
        self.deserialize_seq(visitor)
    }

    fn deserialize_tuple_struct<V: Visitor<'r>>(
        self,
        _name: &'static str,
        len: usize,
        visitor: V,
    ) -> std::result::Result<V::Value, Misfit> {
        self.deserialize_tuple(len, visitor)
    }

    fn deserialize_newtype_struct<V: Visitor<'r>>(
        self,
        _name: &'static str,
        visitor: V,
    ) -> std::result::Result<V::Value, Misfit> {
        visitor.visit_newtype_struct(self)
    }

    forward_to_deserialize_any! {
        <V: Visitor<'r>>
        bool i8 i16 i32 i64 i128 u8 u16 u32 u64 u128 f32 f64 char str string bytes byte_buf unit unit_struct identifier ignored_any
    }
}

/// One value, with its column's name for errors.
#[derive(Clone, Copy)]
struct Field<'r> {
    name: &'r str,
    value: &'r Value<'r>,
}

impl<'r> IntoDeserializer<'r, Misfit> for Field<'r> {
    type Deserializer = Field<'r>;

    fn into_deserializer(self) -> Field<'r> {
        self
    }
}

impl<'r> Deserializer<'r> for Field<'r> {
    type Error = Misfit;

    fn deserialize_any<V: Visitor<'r>>(self, visitor: V) -> std::result::Result<V::Value, Misfit> {
        let result = match self.value {
            Value::Null => visitor.visit_unit(),
            Value::Bool(v) => visitor.visit_bool(*v),
            Value::Int(v) => visitor.visit_i64(*v),
            Value::Double(v) => visitor.visit_f64(*v),
            Value::Text(v) => visitor.visit_borrowed_str(v),
            Value::Blob(v) => visitor.visit_borrowed_bytes(v),
            // Their usual text is what other crates read them from.
            Value::Decimal(_) | Value::Timestamp(_) | Value::Date(_) | Value::Uuid(_) => {
                visitor.visit_string(self.value.to_string())
            }
        };
        result.map_err(|Misfit(what): Misfit| Misfit(format!("column \"{}\": {what}", self.name)))
    }

    fn deserialize_option<V: Visitor<'r>>(self, visitor: V) -> std::result::Result<V::Value, Misfit> {
        if self.value.is_null() { visitor.visit_none() } else { visitor.visit_some(self) }
    }

    fn deserialize_newtype_struct<V: Visitor<'r>>(
        self,
        _name: &'static str,
        visitor: V,
    ) -> std::result::Result<V::Value, Misfit> {
        visitor.visit_newtype_struct(self)
    }

    /// A text names a variant without fields.
    fn deserialize_enum<V: Visitor<'r>>(
        self,
        _name: &'static str,
        _variants: &'static [&'static str],
        visitor: V,
    ) -> std::result::Result<V::Value, Misfit> {
        match self.value {
            Value::Text(text) => visitor.visit_enum(BorrowedStrDeserializer::new(text)),
            _ => Err(Misfit(format!("column \"{}\": only a text can name a variant", self.name))),
        }
    }

    /// Bytes as a list of numbers too: what `Vec<u8>` asks for.
    fn deserialize_seq<V: Visitor<'r>>(self, visitor: V) -> std::result::Result<V::Value, Misfit> {
        match self.value {
            Value::Blob(bytes) => visitor.visit_seq(SeqDeserializer::new(bytes.iter().copied())),
            _ => self.deserialize_any(visitor),
        }
    }

    forward_to_deserialize_any! {
        <V: Visitor<'r>>
        bool i8 i16 i32 i64 i128 u8 u16 u32 u64 u128 f32 f64 char str string bytes byte_buf unit unit_struct tuple tuple_struct map struct identifier ignored_any
    }
}

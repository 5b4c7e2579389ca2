//! A row of a result, and what its values can be read as.

use crate::error::{Error, ErrorKind, Result};
use crate::types::{Date, Decimal, Timestamp, Uuid, Value};

/// Names and types of a result's columns, shared by its rows.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Column {
    pub(crate) name: String,
    pub(crate) data_type: crate::types::DataType,
}

impl Column {
    /// Its name: the alias, the column's name, or the expression's text.
    #[must_use]
    pub fn name(&self) -> &str {
        &self.name
    }

    /// Its type; `Unknown` for a bare NULL or parameter.
    #[must_use]
    pub fn data_type(&self) -> crate::types::DataType {
        self.data_type
    }
}

/// A row of a result. Its values are borrowed: from the page they stand in where that is possible.
#[derive(Clone, Copy)]
pub struct Row<'r> {
    columns: &'r [Column],
    values: &'r (dyn Values + 'r),
}

/// Where a row's values stand.
pub(crate) trait Values {
    /// The value of a column, whose number is below the number of columns.
    fn value(&self, column: usize) -> &Value<'_>;
}

impl Values for [Value<'_>] {
    fn value(&self, column: usize) -> &Value<'_> {
        &self[column]
    }
}

impl Values for Vec<Value<'_>> {
    fn value(&self, column: usize) -> &Value<'_> {
        &self[column]
    }
}

impl Values for crate::execute::Cursor<'_> {
    fn value(&self, column: usize) -> &Value<'_> {
        crate::execute::Cursor::value(self, column)
    }
}

/// Which column: its number from 0, or its name in whatever case. Of two with one name the first is meant.
pub trait ColumnIndex {
    /// The number of the column; `None` if there is none.
    fn find(&self, columns: &[Column]) -> Option<usize>;
    /// As an error names it.
    fn describe(&self) -> String;
}

impl ColumnIndex for usize {
    fn find(&self, columns: &[Column]) -> Option<usize> {
        (*self < columns.len()).then_some(*self)
    }

    fn describe(&self) -> String {
        self.to_string()
    }
}

impl<C: ColumnIndex> ColumnIndex for &C {
    fn find(&self, columns: &[Column]) -> Option<usize> {
        (**self).find(columns)
    }

    fn describe(&self) -> String {
        (**self).describe()
    }
}

impl ColumnIndex for &str {
    fn find(&self, columns: &[Column]) -> Option<usize> {
        columns.iter().position(|column| column.name.eq_ignore_ascii_case(self))
    }

    fn describe(&self) -> String {
        format!("\"{self}\"")
    }
}

/// What a value can be read as. Nothing is converted but numbers that fit exactly.
pub trait FromValue<'r>: Sized {
    /// The value as this type; `None` if it is of another.
    fn from_value(value: &'r Value<'r>) -> Option<Self>;
}

impl<'r> Row<'r> {
    pub(crate) fn new(columns: &'r [Column], values: &'r (dyn Values + 'r)) -> Row<'r> {
        Row { columns, values }
    }

    /// The value of a column as a Rust type: `row.get::<i64>(0)`, `row.get::<Option<&str>>("name")`.
    ///
    /// # Errors
    /// `Name` if there is no such column; `Type` if its value is of another type, NULL (without `Option`), or does not fit.
    pub fn get<T: FromValue<'r>>(&self, column: impl ColumnIndex) -> Result<T> {
        let value = self.value(&column)?;
        T::from_value(value).ok_or_else(|| {
            let (wanted, name) =
                (std::any::type_name::<T>(), column.find(self.columns).map_or("?", |at| self.columns[at].name()));
            let found = if value.is_null() { "NULL".to_owned() } else { format!("{value:?}") };
            Error::new(ErrorKind::Type, format!("column \"{name}\" holds {found}, which cannot be read as {wanted}"))
                .with_state("22018")
        })
    }

    /// The value of a column as it is.
    ///
    /// # Errors
    /// `Name` if there is no such column.
    pub fn value(&self, column: impl ColumnIndex) -> Result<&'r Value<'r>> {
        column.find(self.columns).map(|at| self.values.value(at)).ok_or_else(|| {
            let message = format!("the result has {} columns, and none is {}", self.columns.len(), column.describe());
            Error::new(ErrorKind::Name, message)
        })
    }

    /// All values, in the order of the columns.
    pub fn values(&self) -> impl ExactSizeIterator<Item = &'r Value<'r>> + use<'r> {
        let row = *self;
        (0..self.columns.len()).map(move |at| row.values.value(at))
    }

    /// Names and types of the columns.
    #[must_use]
    pub fn columns(&self) -> &'r [Column] {
        self.columns
    }
}

impl std::fmt::Debug for Row<'_> {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        let names = self.columns.iter().map(Column::name);
        f.debug_map().entries(names.zip(self.values())).finish()
    }
}

macro_rules! integers {
    ($($ty:ty),*) => { $(impl<'r> FromValue<'r> for $ty {
        fn from_value(value: &'r Value<'r>) -> Option<$ty> {
            match value {
                Value::Int(v) => <$ty>::try_from(*v).ok(),
                _ => None,
            }
        }
    })* };
}

integers!(i8, i16, i32, i64, u8, u16, u32, u64);

macro_rules! exactly {
    ($($ty:ty: $pattern:pat => $value:expr;)*) => { $(impl<'r> FromValue<'r> for $ty {
        fn from_value(value: &'r Value<'r>) -> Option<$ty> {
            match value {
                $pattern => Some($value),
                _ => None,
            }
        }
    })* };
}

impl<'r> FromValue<'r> for &'r Value<'r> {
    fn from_value(value: &'r Value<'r>) -> Option<&'r Value<'r>> {
        Some(value)
    }
}

exactly! {
    bool: Value::Bool(v) => *v;
    &'r str: Value::Text(v) => v;
    String: Value::Text(v) => v.clone().into_owned();
    &'r [u8]: Value::Blob(v) => v;
    Vec<u8>: Value::Blob(v) => v.clone().into_owned();
    Timestamp: Value::Timestamp(v) => *v;
    Date: Value::Date(v) => *v;
    Uuid: Value::Uuid(v) => *v;
}

impl<'r> FromValue<'r> for Decimal {
    fn from_value(value: &'r Value<'r>) -> Option<Decimal> {
        match value {
            Value::Decimal(v) => Some(*v),
            Value::Int(v) => Some(Decimal::from(*v)),
            _ => None,
        }
    }
}

impl<'r> FromValue<'r> for f64 {
    fn from_value(value: &'r Value<'r>) -> Option<f64> {
        match value {
            Value::Double(v) => Some(*v),
            // Up to 2^53 a whole number is a double without loss.
            Value::Int(v) if v.unsigned_abs() <= 1 << 53 => Some(*v as f64),
            _ => None,
        }
    }
}

impl<'r, T: FromValue<'r>> FromValue<'r> for Option<T> {
    fn from_value(value: &'r Value<'r>) -> Option<Option<T>> {
        if value.is_null() { Some(None) } else { T::from_value(value).map(Some) }
    }
}

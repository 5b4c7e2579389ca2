//! Parameters of a statement: by position or by name.

use std::borrow::Cow;

use crate::error::{Error, ErrorKind, Result};
use crate::types::{Date, Decimal, Timestamp, Uuid, Value};

/// What can be bound to a parameter. Text and bytes are borrowed for the call.
pub trait ToValue {
    /// The value.
    fn to_value(&self) -> Value<'_>;
}

/// The parameters of one execution.
///
/// By position: `()`, an array, a slice, a tuple of up to eight, or [`params!`](crate::params). By name: `&[(":name", value)]` through [`named`].
pub trait Params {
    /// Puts a value at each of the `names.len()` places; `names` has the names of those that have one.
    ///
    /// # Errors
    /// `Name` if there are more or fewer than the statement has, or a name is unknown or missing.
    fn bind<'p>(&'p self, names: &[Option<String>], to: &mut Vec<Value<'p>>) -> Result<()>;
}

macro_rules! to_value {
    ($($ty:ty => |$v:ident| $value:expr;)*) => { $(impl ToValue for $ty {
        fn to_value(&self) -> Value<'_> {
            let $v = self;
            $value
        }
    })* };
}

to_value! {
    bool => |v| Value::Bool(*v);
    i8 => |v| Value::Int(i64::from(*v));
    i16 => |v| Value::Int(i64::from(*v));
    i32 => |v| Value::Int(i64::from(*v));
    i64 => |v| Value::Int(*v);
    u8 => |v| Value::Int(i64::from(*v));
    u16 => |v| Value::Int(i64::from(*v));
    u32 => |v| Value::Int(i64::from(*v));
    f64 => |v| Value::Double(if *v == 0.0 { 0.0 } else { *v });
    Decimal => |v| Value::Decimal(*v);
    str => |v| Value::Text(Cow::Borrowed(v));
    String => |v| Value::Text(Cow::Borrowed(v));
    [u8] => |v| Value::Blob(Cow::Borrowed(v));
    Vec<u8> => |v| Value::Blob(Cow::Borrowed(v));
    Timestamp => |v| Value::Timestamp(*v);
    Date => |v| Value::Date(*v);
    Uuid => |v| Value::Uuid(*v);
    Value<'_> => |v| v.lend();
}

impl<T: ToValue + ?Sized> ToValue for &T {
    fn to_value(&self) -> Value<'_> {
        (**self).to_value()
    }
}

impl<T: ToValue> ToValue for Option<T> {
    fn to_value(&self) -> Value<'_> {
        self.as_ref().map_or(Value::Null, ToValue::to_value)
    }
}

fn check_count(given: usize, names: &[Option<String>]) -> Result<()> {
    if given == names.len() {
        return Ok(());
    }
    let message = format!("the statement has {} parameters, and {given} were given", names.len());
    Err(Error::new(ErrorKind::Name, message).with_state("07001"))
}

/// A double that is no number has no place in SQL.
fn checked(value: Value<'_>, at: usize) -> Result<Value<'_>> {
    match value {
        Value::Double(v) if !v.is_finite() => {
            let message = format!("parameter {} is {v}: SQL has finite numbers only", at + 1);
            Err(Error::new(ErrorKind::Data, message).with_state("22003"))
        }
        value => Ok(value),
    }
}

fn bind_all<'p>(
    values: impl ExactSizeIterator<Item = Value<'p>>,
    names: &[Option<String>],
    to: &mut Vec<Value<'p>>,
) -> Result<()> {
    check_count(values.len(), names)?;
    for (at, value) in values.enumerate() {
        to.push(checked(value, at)?);
    }
    Ok(())
}

impl Params for () {
    fn bind<'p>(&'p self, names: &[Option<String>], _to: &mut Vec<Value<'p>>) -> Result<()> {
        check_count(0, names)
    }
}

impl<T: ToValue, const N: usize> Params for [T; N] {
    fn bind<'p>(&'p self, names: &[Option<String>], to: &mut Vec<Value<'p>>) -> Result<()> {
        bind_all(self.iter().map(ToValue::to_value), names, to)
    }
}

impl<T: ToValue> Params for &[T] {
    fn bind<'p>(&'p self, names: &[Option<String>], to: &mut Vec<Value<'p>>) -> Result<()> {
        bind_all(self.iter().map(ToValue::to_value), names, to)
    }
}

macro_rules! tuple {
    ($count:literal: $($name:ident $at:tt),*) => {
        impl<$($name: ToValue),*> Params for ($($name,)*) {
            fn bind<'p>(&'p self, names: &[Option<String>], to: &mut Vec<Value<'p>>) -> Result<()> {
                check_count($count, names)?;
                $(to.push(checked(self.$at.to_value(), $at)?);)*
                Ok(())
            }
        }
    };
}

tuple!(1: A 0);
tuple!(2: A 0, B 1);
tuple!(3: A 0, B 1, C 2);
tuple!(4: A 0, B 1, C 2, D 3);
tuple!(5: A 0, B 1, C 2, D 3, E 4);
tuple!(6: A 0, B 1, C 2, D 3, E 4, F 5);
tuple!(7: A 0, B 1, C 2, D 3, E 4, F 5, G 6);
tuple!(8: A 0, B 1, C 2, D 3, E 4, F 5, G 6, H 7);

/// Parameters of different types by position: `params![1, "two", None::<i64>]`.
#[macro_export]
macro_rules! params {
    ($($value:expr),* $(,)?) => { &[$(&$value as &dyn $crate::ToValue),*] as &[&dyn $crate::ToValue] };
}

/// Parameters by name, with or without the colon.
#[derive(Clone, Copy)]
pub struct Named<'n>(&'n [(&'n str, &'n dyn ToValue)]);

/// Parameters by name: `named(&[(":id", &1), (":state", &"RUNNING")])`. Each name of the statement once; the colon may be left out.
#[must_use]
pub fn named<'n>(values: &'n [(&'n str, &'n dyn ToValue)]) -> Named<'n> {
    Named(values)
}

impl Params for Named<'_> {
    fn bind<'p>(&'p self, names: &[Option<String>], to: &mut Vec<Value<'p>>) -> Result<()> {
        let bare = |name: &'p str| name.strip_prefix([':', '@', '$']).unwrap_or(name);
        let missing = |what: String| Error::new(ErrorKind::Name, what).with_state("07001");
        for (at, name) in names.iter().enumerate() {
            let Some(name) = name else { return Err(missing(format!("parameter {} of the statement has no name", at + 1))) };
            let mut given = self.0.iter().filter(|(given, _)| bare(given) == name);
            match (given.next(), given.next()) {
                (Some((_, value)), None) => to.push(checked(value.to_value(), at)?),
                (None, _) => return Err(missing(format!("parameter :{name} was not given"))),
                (Some(_), Some(_)) => return Err(missing(format!("parameter :{name} was given twice"))),
            }
        }
        match self.0.iter().find(|(given, _)| !names.iter().flatten().any(|name| name == bare(given))) {
            Some((unknown, _)) => Err(missing(format!("the statement has no parameter :{}", bare(unknown)))),
            None => Ok(()),
        }
    }
}

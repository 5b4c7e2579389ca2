//! IN with a list. A long list of constants and parameters is put into a set once a statement; others are compared one by one.

use std::cell::RefCell;
use std::rc::Rc;

use super::context::{Context, Kept};
use super::keyset::KeySet;
use super::scalar::{compare, operand};
use crate::encode::key;
use crate::error::Result;
use crate::parse::ast::CompareOp;
use crate::plan::scalar::Scalar;
use crate::types::Value;

/// Lists from here on are worth a set.
const SET_FROM: usize = 8;

/// The values of a list that is the same for all rows.
pub(crate) struct InSet {
    keys: KeySet,
    with_null: bool,
    /// Where a value is written to be looked up.
    sought: RefCell<Vec<u8>>,
    _kept: Kept,
}

/// Whether the value is in the list; none if that is not known: it is NULL, or it is not there and a NULL is.
pub(super) fn contains<'r>(list: &'r [Scalar], of: &Value<'r>, frame: &[Value<'r>], cx: &Context<'r>) -> Result<Option<bool>> {
    if list.is_empty() {
        return Ok(Some(false));
    }
    if of.is_null() {
        return Ok(None);
    }
    if list.len() >= SET_FROM
        && let Some(set) = set_of(list, frame, cx)?
    {
        let mut sought = set.sought.borrow_mut();
        sought.clear();
        key::push_hashable(&mut sought, of);
        return Ok(if set.keys.find(&sought).is_some() {
            Some(true)
        } else if set.with_null {
            None
        } else {
            Some(false)
        });
    }
    let mut result = Some(false);
    for item in list {
        match compare(CompareOp::Eq, of, &*operand(item, frame, cx)?) {
            Some(true) => return Ok(Some(true)),
            Some(false) => {}
            None => result = None,
        }
    }
    Ok(result)
}

/// The list's set, made when it is first asked for; none if the list reads the row.
fn set_of<'r>(list: &'r [Scalar], frame: &[Value<'r>], cx: &Context<'r>) -> Result<Option<Rc<InSet>>> {
    let address = list.as_ptr().addr();
    if let Some((_, set)) = cx.in_sets.borrow().iter().find(|(of, _)| *of == address) {
        return Ok(set.clone());
    }
    let fixed = list.iter().all(is_fixed);
    let set = if fixed { Some(Rc::new(make(list, frame, cx)?)) } else { None };
    cx.in_sets.borrow_mut().push((address, set.clone()));
    Ok(set)
}

fn is_fixed(item: &Scalar) -> bool {
    match item {
        Scalar::Constant(_) | Scalar::Parameter(_) => true,
        Scalar::Cast { of, .. } | Scalar::Negate(of) => is_fixed(of),
        _ => false,
    }
}

fn make<'r>(list: &'r [Scalar], frame: &[Value<'r>], cx: &Context<'r>) -> Result<InSet> {
    let (mut keys, mut with_null, mut bytes, mut kept) = (KeySet::new(), false, Vec::new(), Kept::default());
    for item in list {
        cx.tick()?;
        let value = operand(item, frame, cx)?;
        with_null |= value.is_null();
        if !value.is_null() {
            bytes.clear();
            key::push_hashable(&mut bytes, &value);
            keys.insert(&bytes);
            kept.is(keys.size_bytes(), "an IN list", cx)?;
        }
    }
    Ok(InSet { keys, with_null, sought: RefCell::new(bytes), _kept: kept })
}

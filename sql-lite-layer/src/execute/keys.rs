//! Which entries of a key's order a scan reads: its `Keys`, computed into bytes when it opens.
//!
//! ```text
//!   equal     prefix                      all entries that begin so; one entry if that is a whole key
//!   any       prefix + a, prefix + b ..   the same for each, in order
//!   bounds    prefix + low .. prefix + high
//! ```
//!
//! A NULL where a value is sought finds nothing, and an entry with a NULL lies within no bounds.

use std::ops::Bound;

use super::context::{Context, Frame};
use super::scalar::operand;
use crate::encode::key;
use crate::error::Result;
use crate::plan::node::{KeyPart, Keys};
use crate::plan::scalar::Scalar;
use crate::types::Value;

/// What to read next.
pub(super) enum Step<'k> {
    /// The entry with exactly this key.
    Point(&'k [u8]),
    Range(Bound<&'k [u8]>, Bound<&'k [u8]>),
}

#[derive(Clone, Copy, PartialEq, Eq)]
enum Form {
    Nothing,
    All,
    Point,
    /// From `low` to `high`, which is not included; without one to the end.
    Span {
        ends: bool,
    },
    /// Each of `several`, as a whole key or as a prefix.
    Several {
        whole: bool,
    },
}

/// What all keys of a range begin with.
#[derive(Clone, Copy, Default)]
pub(super) struct Fixed {
    pub(super) columns: usize,
    pub(super) len_bytes: usize,
}

/// See the file's head. Its buffers are used again when the scan is opened anew.
pub(super) struct KeyRanges {
    form: Form,
    /// For `All`, `Point`, `Span`: whether it was given. For `Several`: how many were.
    given: usize,
    low: Vec<u8>,
    high: Vec<u8>,
    /// How many columns have one value in all entries that are read, and how many bytes of each key these take.
    fixed: Fixed,
    /// The keys of `any`, one behind the other, and where each stands.
    several: Vec<u8>,
    spans: Vec<(u32, u32)>,
}

impl KeyRanges {
    pub(super) fn new() -> KeyRanges {
        let (form, fixed) = (Form::Nothing, Fixed::default());
        KeyRanges { form, given: 0, low: Vec::new(), high: Vec::new(), fixed, several: Vec::new(), spans: Vec::new() }
    }

    /// All entries.
    pub(super) fn all(&mut self) {
        (self.form, self.given, self.fixed) = (Form::All, 0, Fixed::default());
    }

    /// What the keys of all entries that are read begin with.
    pub(super) fn fixed(&self) -> Fixed {
        self.fixed
    }

    /// What the keys of all entries that are read begin with, as bytes.
    pub(super) fn prefix(&self) -> &[u8] {
        &self.low[..self.fixed.len_bytes]
    }

    /// Where the one range of entries that is read ends.
    pub(super) fn end(&self) -> Bound<&[u8]> {
        match self.form {
            Form::Span { ends: true } => Bound::Excluded(&self.high),
            _ => Bound::Unbounded,
        }
    }

    /// The entries that `keys` say now. `whole`: how many columns make the whole key of one entry, if they hold no NULL.
    pub(super) fn find<'r>(&mut self, keys: &'r Keys, whole: Option<usize>, frame: &Frame<'r>, cx: &Context<'r>) -> Result<()> {
        self.given = 0;
        self.form = self.form_of(keys, whole, frame, cx)?;
        Ok(())
    }

    fn form_of<'r>(&mut self, keys: &'r Keys, whole: Option<usize>, frame: &Frame<'r>, cx: &Context<'r>) -> Result<Form> {
        self.low.clear();
        let mut with_null = false;
        for part in &keys.equal {
            match part {
                KeyPart::Equal(expr) => {
                    if !push(&mut self.low, expr, frame, cx)? {
                        return Ok(Form::Nothing);
                    }
                }
                KeyPart::IsNull => {
                    key::push(&mut self.low, &Value::Null);
                    with_null = true;
                }
            }
        }
        self.fixed = Fixed { columns: keys.equal.len(), len_bytes: self.low.len() };
        let whole = |columns: usize| !with_null && whole == Some(columns);
        if let Some(any) = &keys.any {
            self.find_several(any, frame, cx)?;
            return Ok(Form::Several { whole: whole(keys.equal.len() + 1) });
        }
        if keys.lower.is_some() || keys.upper.is_some() {
            return self.find_bounds(keys, frame, cx);
        }
        Ok(if keys.equal.is_empty() {
            Form::All
        } else if whole(keys.equal.len()) {
            Form::Point
        } else {
            self.high.clone_from(&self.low);
            Form::Span { ends: to_next_prefix(&mut self.high) }
        })
    }

    fn find_bounds<'r>(&mut self, keys: &'r Keys, frame: &Frame<'r>, cx: &Context<'r>) -> Result<Form> {
        self.high.clone_from(&self.low);
        match &keys.lower {
            Some((expr, included)) => {
                if !push(&mut self.low, expr, frame, cx)? || !(*included || to_next_prefix(&mut self.low)) {
                    return Ok(Form::Nothing);
                }
            }
            None => {
                key::push(&mut self.low, &Value::Null);
                if !to_next_prefix(&mut self.low) {
                    return Ok(Form::Nothing);
                }
            }
        }
        let ends = match &keys.upper {
            Some((expr, included)) => {
                if !push(&mut self.high, expr, frame, cx)? {
                    return Ok(Form::Nothing);
                }
                !*included || to_next_prefix(&mut self.high)
            }
            None => to_next_prefix(&mut self.high),
        };
        Ok(Form::Span { ends })
    }

    fn find_several<'r>(&mut self, any: &'r [Scalar], frame: &Frame<'r>, cx: &Context<'r>) -> Result<()> {
        self.several.clear();
        self.spans.clear();
        for expr in any {
            cx.tick()?;
            let start = self.several.len();
            self.several.extend_from_slice(&self.low);
            if push(&mut self.several, expr, frame, cx)? {
                self.spans.push((start as u32, self.several.len() as u32));
            } else {
                self.several.truncate(start);
            }
        }
        let bytes = &self.several;
        let key = |span: &(u32, u32)| &bytes[span.0 as usize..span.1 as usize];
        self.spans.sort_unstable_by(|a, b| key(a).cmp(key(b)));
        self.spans.dedup_by(|a, b| key(a) == key(b));
        Ok(())
    }

    /// What to read next, from the front or from the back.
    pub(super) fn next(&mut self, reverse: bool) -> Option<Step<'_>> {
        let given = self.given;
        self.given += 1;
        if let Form::Several { whole } = self.form {
            if given >= self.spans.len() {
                return None;
            }
            let (start, end) = self.spans[if reverse { self.spans.len() - 1 - given } else { given }];
            let key = &self.several[start as usize..end as usize];
            if whole {
                return Some(Step::Point(key));
            }
            self.high.clear();
            self.high.extend_from_slice(key);
            let end = if to_next_prefix(&mut self.high) { Bound::Excluded(&self.high[..]) } else { Bound::Unbounded };
            return Some(Step::Range(Bound::Included(key), end));
        }
        if given > 0 {
            return None;
        }
        match self.form {
            Form::Nothing | Form::Several { .. } => None,
            Form::All => Some(Step::Range(Bound::Unbounded, Bound::Unbounded)),
            Form::Point => Some(Step::Point(&self.low)),
            Form::Span { ends } => {
                let end = if ends { Bound::Excluded(&self.high[..]) } else { Bound::Unbounded };
                Some(Step::Range(Bound::Included(&self.low), end))
            }
        }
    }
}

/// Adds the value to the key; false if it is NULL.
#[inline]
pub(super) fn push<'r>(key: &mut Vec<u8>, expr: &'r Scalar, frame: &Frame<'r>, cx: &Context<'r>) -> Result<bool> {
    let value = operand(expr, frame, cx)?;
    if value.is_null() {
        return Ok(false);
    }
    key::push(key, &value);
    Ok(true)
}

/// Makes of a key the first one behind all that begin with it, in place; false if there is none.
pub(super) fn to_next_prefix(key: &mut Vec<u8>) -> bool {
    while let Some(last) = key.pop() {
        if last < u8::MAX {
            key.push(last + 1);
            return true;
        }
    }
    false
}

#[cfg(test)]
mod tests {
    use super::to_next_prefix;

    /// The next prefix is above every key with the old one, and there is none above bytes of 255 alone.
    #[test]
    fn next_prefix_ends_a_span() {
        let check = |key: &[u8], expected: Option<&[u8]>| {
            let mut next = key.to_vec();
            assert_eq!(to_next_prefix(&mut next).then_some(&next[..]), expected, "{key:?}");
        };
        check(&[1, 2], Some(&[1, 3]));
        check(&[1, 255, 255], Some(&[2]));
        check(&[255], None);
        check(&[], None);
    }
}

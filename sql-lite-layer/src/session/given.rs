//! What an execution is given by its caller: the values of its parameters, and its limits.
//!
//! A plan takes each parameter for one class, by what stands beside it. A value of another class is converted once, before the statement runs, and finds its rows by key. Where that
//! would change a value that is compared or computed with (2.5 with whole numbers), the statement gets another plan for this execution: one for a value of that class, as if it were a literal.

use std::rc::Rc;
use std::sync::atomic::AtomicBool;
use std::time::Instant;

use super::database::Limits;
use super::prepared::Planned;
use super::statement::Statement;
use crate::error::{Error, Result};
use crate::execute::Inputs;
use crate::plan::node::Plan;
use crate::plan::{as_literal, type_of};
use crate::table::Counted;
use crate::types::{self, DataType, Value};

/// See the file's head.
pub(super) struct Given<'g> {
    pub(super) values: Vec<Value<'g>>,
    pub(super) limits: Limits,
    pub(super) cancelled: Option<&'g AtomicBool>,
    pub(super) last_identity: Option<i64>,
}

impl<'g> Given<'g> {
    /// The plan that compares the parameters as they are, and these as values of the classes that it takes them for.
    ///
    /// # Errors
    /// `Type`, `Data` where a value does not convert.
    #[inline]
    pub(super) fn classified(
        self,
        statement: &Statement<'_>,
        planned: Rc<Planned>,
        counted: Counted<'_>,
    ) -> Result<(Rc<Planned>, Given<'g>)> {
        if is_classified(&self.values, planned.program.plan()) {
            return Ok((planned, self));
        }
        let known = planned.known.clone();
        let plan_for = |types: &[DataType]| Ok(Rc::new(statement.prepared().plan_for(types, &known, counted)?));
        self.classified_for(planned, |planned| planned.program.plan(), plan_for)
    }

    /// As `classified`, with whatever holds a plan and makes one for parameters of these types.
    #[cold]
    pub(super) fn classified_for<P>(
        mut self,
        mut planned: P,
        plan: impl Fn(&P) -> &Plan,
        plan_for: impl Fn(&[DataType]) -> Result<P>,
    ) -> Result<(P, Given<'g>)> {
        let mut types = vec![DataType::Unknown; self.values.len()];
        // Each turn fixes the type of at least one more of them.
        while fix(&mut self.values, &mut types, plan(&planned)) {
            planned = plan_for(&types)?;
        }
        for (at, (value, to)) in self.values.iter_mut().zip(&plan(&planned).parameters).enumerate() {
            if !value.is_of(to) {
                let given = std::mem::take(value);
                *value = types::assign(given, to, "").map_err(|e| {
                    Error::new(e.kind(), format!("parameter {}: {}", at + 1, e.message())).with_state(e.sqlstate())
                })?;
            }
        }
        Ok((planned, self))
    }

    pub(super) fn inputs(&self) -> Inputs<'_> {
        Inputs {
            memory_bytes: self.limits.memory_bytes,
            cancelled: self.cancelled,
            deadline: self.limits.time.and_then(|time| Instant::now().checked_add(time)),
            last_identity: self.last_identity,
            ..Inputs::new(&self.values, None)
        }
    }
}

#[inline]
fn is_classified(values: &[Value<'_>], plan: &Plan) -> bool {
    values.iter().zip(&plan.parameters).all(|(value, to)| value.is_of(to))
}

/// Notes the types of values compared or computed with that no value of the plan's class equals; false if there are no more of them.
fn fix(values: &mut [Value<'_>], types: &mut [DataType], plan: &Plan) -> bool {
    let mut found = false;
    for (at, (value, to)) in values.iter_mut().zip(&plan.parameters).enumerate() {
        if types[at] == DataType::Unknown
            && plan.compared[at]
            && !value.is_of(to)
            && let Some(exact) = without_equal(value, to)
        {
            types[at] = type_of(&exact);
            *value = exact;
            found = true;
        }
    }
    found
}

/// A value that converting it to this type would change, as it is compared instead.
fn without_equal(value: &Value<'_>, to: &DataType) -> Option<Value<'static>> {
    let exact = match (value, to) {
        // What a text means says the type beside it; what does not convert is told by the conversion.
        (Value::Text(_), DataType::Decimal { .. } | DataType::Date) => as_literal(value, to).ok()?.0,
        (Value::Int(_) | Value::Double(_) | Value::Decimal(_), to) if to.is_numeric() => value.clone().into_owned(),
        (Value::Timestamp(_), DataType::Date) => value.clone().into_owned(),
        _ => return None,
    };
    let equals = |converted: Value<'_>| match (&exact, &converted) {
        // A decimal number beside a double is the nearest double, by definition.
        (Value::Decimal(_), Value::Double(_)) => true,
        // Of so few digits no two have the same nearest double.
        (Value::Double(_), Value::Decimal(number)) if number.mantissa().unsigned_abs() < 10_u128.pow(15) => {
            types::cast(converted, &DataType::Double).is_ok_and(|again| is_equal(&again, &exact))
        }
        (Value::Double(_), Value::Decimal(_)) => false,
        _ => is_equal(&converted, &exact),
    };
    match types::assign(exact.clone(), to, "") {
        Ok(converted) if equals(converted.clone()) => None,
        _ => Some(exact),
    }
}

fn is_equal(a: &Value<'_>, b: &Value<'_>) -> bool {
    types::compare(a, b).is_some_and(std::cmp::Ordering::is_eq)
}

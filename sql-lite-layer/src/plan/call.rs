//! Calls: functions of one row, what is written as a function and is something else, and aggregates.

use super::expr::{boolean, cast, computed, is_text_literal, literal_as, place_of, widest};
use super::function::{self, AggregateFunction, Argument, Function, Gives, Signature};
use super::node::SortKey;
use super::scalar::{AggregateCall, Scalar};
use super::scope::Aggregates;
use super::walk::{Slots, same};
use super::{Planner, Typed, name_error, type_error, unsupported};
use crate::error::{Error, ErrorKind, Place, Result};
use crate::parse::ast::{ArithmeticOp, Call, Expr, OrderKey};
use crate::table::schema::fold;
use crate::types::{DataType, Value};

impl<'a> Planner<'a> {
    pub(super) fn call(&mut self, call: &'a Call) -> Result<Typed> {
        let name = call.name.name.as_str();
        if let Some(function) = function::aggregate(name) {
            return self.aggregate(function, call);
        }
        if call.star || call.distinct || call.filter.is_some() || !call.order.is_empty() {
            return Err(type_error(
                call.name.place,
                format!("{name} is no aggregate: *, DISTINCT, FILTER and ORDER BY do not fit it"),
            ));
        }
        if let Some(typed) = self.written_as_function(call)? {
            return Ok(typed);
        }
        let signature = function::signature(name)
            .ok_or_else(|| name_error(&call.name, format!("there is no function {name}")).with_state("42883"))?;
        self.function(signature, call)
    }

    /// What is no function but written like one.
    fn written_as_function(&mut self, call: &'a Call) -> Result<Option<Typed>> {
        let place = call.name.place;
        let name = fold(&call.name.name);
        Ok(Some(match (name.as_str(), &call.args[..]) {
            ("casewhen" | "if" | "iif", [condition, then, otherwise]) => {
                let condition = self.condition(condition, "CASEWHEN")?;
                self.choice(condition, then, otherwise)?
            }
            ("nvl2", [tested, then, otherwise]) => {
                let of = Box::new(self.expr(tested)?.scalar);
                self.choice(Scalar::IsNull { of, negated: true }, then, otherwise)?
            }
            ("mod", [left, right]) => {
                let (left, right) = (self.expr(left)?, self.expr(right)?);
                self.arithmetic_of(ArithmeticOp::Modulo, left, right, place)?
            }
            (name, [time]) if let Some((_, unit)) = function::UNIT_FUNCTIONS.iter().find(|(known, _)| *known == name) => {
                let time = self.argument(Argument::Time, time)?;
                let unit = Scalar::Constant(Value::Text((*unit).into()));
                Typed {
                    scalar: Scalar::Call { function: Function::Extract, args: vec![unit, time.scalar] },
                    data_type: DataType::BIGINT,
                }
            }
            _ => return Ok(None),
        }))
    }

    fn choice(&mut self, condition: Scalar, then: &'a Expr, otherwise: &'a Expr) -> Result<Typed> {
        let places = [place_of(then), place_of(otherwise)];
        let results = vec![self.expr(then)?, self.expr(otherwise)?];
        let (mut results, data_type) = self.unify(results, &places, "CASEWHEN")?;
        let otherwise = results.pop().map(Box::new);
        let branches = results.pop().map(|then| (condition, then)).into_iter().collect();
        Ok(Typed { scalar: Scalar::Case { branches, otherwise }, data_type })
    }

    fn function(&mut self, signature: &Signature, call: &'a Call) -> Result<Typed> {
        let count = call.args.len();
        if count < signature.required || (count > signature.arguments.len() && !signature.repeats) {
            let name = &call.name.name;
            let wants = match (signature.required, signature.arguments.len()) {
                (least, _) if signature.repeats => format!("{least} or more"),
                (least, most) if least == most => format!("{most}"),
                (least, most) => format!("{least} to {most}"),
            };
            return Err(name_error(&call.name, format!("{name} takes {wants} arguments, not {count}")).with_state("42883"));
        }
        let mut args = Vec::with_capacity(count);
        for (at, expr) in call.args.iter().enumerate() {
            let kind = signature.arguments[at.min(signature.arguments.len() - 1)];
            args.push(self.argument(kind, expr)?);
        }
        let data_type = match signature.gives {
            Gives::Type(data_type) => data_type,
            Gives::As(at) => computed(args[at].data_type),
            Gives::Alike => {
                let places: Vec<Place> = call.args.iter().map(place_of).collect();
                let (scalars, data_type) = self.unify(args, &places, &call.name.name)?;
                args = scalars.into_iter().map(|scalar| Typed { scalar, data_type }).collect();
                data_type
            }
        };
        let mut args: Vec<Scalar> = args.into_iter().map(|arg| arg.scalar).collect();
        if signature.swapped {
            args.swap(0, 1);
        }
        if let (Function::DateAdd, [Scalar::Constant(Value::Text(unit)), ..]) = (signature.function, &args[..])
            && let Some(unit) = function::unit(unit)
        {
            let (time, count) = (args.swap_remove(2), args.swap_remove(1));
            return Ok(date_add(unit, count, Typed { scalar: time, data_type }));
        }
        Ok(Typed { scalar: Scalar::Call { function: signature.function, args }, data_type })
    }

    /// An argument of this kind.
    pub(super) fn argument(&mut self, kind: Argument, expr: &'a Expr) -> Result<Typed> {
        let place = place_of(expr);
        match kind {
            Argument::Text => return Ok(Typed { scalar: self.text_of_any(expr)?, data_type: DataType::TEXT }),
            Argument::Unit => return unit_argument(expr),
            Argument::Sequence => return self.sequence_argument(expr),
            _ => {}
        }
        let mut typed = self.expr(expr)?;
        let wanted = match kind {
            Argument::Any | Argument::Alike => return Ok(typed),
            Argument::TextOrBlob => DataType::TEXT,
            Argument::Number | Argument::Double => DataType::Double,
            Argument::Integer => DataType::BIGINT,
            _ => DataType::Timestamp,
        };
        if typed.data_type == DataType::Unknown {
            self.keep_exact(&typed);
            self.infer(&mut typed, &wanted);
            return Ok(typed);
        }
        if is_text_literal(&typed) && kind != Argument::TextOrBlob {
            // A literal with a point is no whole number: what it is stands to be judged below.
            typed = literal_as(&typed, &wanted, place)?;
        }
        let fits = match kind {
            Argument::TextOrBlob if !matches!(typed.data_type, DataType::Text { .. } | DataType::Blob { .. }) => {
                return Ok(cast(typed, DataType::TEXT));
            }
            Argument::TextOrBlob => true,
            Argument::Double if typed.data_type.is_numeric() && typed.data_type != DataType::Double => {
                return Ok(cast(typed, DataType::Double));
            }
            Argument::Number | Argument::Double => typed.data_type.is_numeric(),
            Argument::Integer => matches!(typed.data_type, DataType::Integer(_)),
            _ => matches!(typed.data_type, DataType::Timestamp | DataType::Date),
        };
        match fits {
            true => Ok(typed),
            false => Err(type_error(place, format!("{wanted} is wanted, not {}", typed.data_type))),
        }
    }

    fn sequence_argument(&mut self, expr: &'a Expr) -> Result<Typed> {
        let (name, place) = bare_name(expr)?;
        if !self.schema.sequences.contains_key(&fold(name)) {
            return Err(Error::new(ErrorKind::Name, format!("there is no sequence {name}")).with_state("42P01").at(place));
        }
        Ok(Typed { scalar: Scalar::Constant(Value::Text(fold(name).into())), data_type: DataType::TEXT })
    }

    // --- Aggregates

    fn aggregate(&mut self, function: AggregateFunction, call: &'a Call) -> Result<Typed> {
        let name = &call.name;
        // What stands in an aggregate may not hold another.
        let Some(level) = self.levels.last_mut() else {
            return Err(aggregate_refused(name.place, &name.name, "here"));
        };
        let inside = Aggregates::Refused("inside another aggregate");
        let mut collected = match std::mem::replace(&mut level.aggregates, inside) {
            Aggregates::Collected(calls) => calls,
            Aggregates::Refused(place) => {
                level.aggregates = Aggregates::Refused(place);
                return Err(aggregate_refused(name.place, &name.name, place));
            }
        };
        let planned = self.aggregate_call(function, call);
        let typed = planned.map(|call| {
            let typed = Typed { scalar: Scalar::Slot(call.out), data_type: call.data_type };
            match collected.iter().find(|known| is_same_call(known, &call)) {
                Some(known) => self.of_slot(known.out),
                None => {
                    collected.push(call);
                    typed
                }
            }
        });
        let level = self.levels.last_mut().expect("the level that was there before its arguments were planned");
        level.aggregates = Aggregates::Collected(collected);
        typed
    }

    fn aggregate_call(&mut self, function: AggregateFunction, call: &'a Call) -> Result<AggregateCall> {
        let name = &call.name;
        let most = if function == AggregateFunction::GroupConcat { 2 } else { 1 };
        let fits = match call.star {
            true => function == AggregateFunction::Count && call.args.is_empty() && !call.distinct,
            false => (1..=most).contains(&call.args.len()),
        };
        if !fits && (function != AggregateFunction::Count || !call.args.is_empty() || call.distinct) {
            return Err(name_error(name, format!("{} does not take these arguments", name.name)).with_state("42883"));
        }
        let mut args = Vec::with_capacity(call.args.len());
        let mut first = DataType::Unknown;
        for (at, expr) in call.args.iter().enumerate() {
            let typed = self.aggregate_argument(function, expr)?;
            if at == 0 {
                first = typed.data_type;
            }
            args.push(typed.scalar);
        }
        let filter = call.filter.as_ref().map(|filter| self.condition(filter, "FILTER")).transpose()?;
        let order = call.order.iter().map(|key| self.sort_key(key)).collect::<Result<Vec<_>>>()?;
        if !order.is_empty() && function != AggregateFunction::GroupConcat {
            return Err(unsupported(name.place, format!("ORDER BY in {}", name.name)));
        }
        let mut reads = Slots::new();
        args.iter().chain(&filter).chain(order.iter().map(|key| &key.expr)).for_each(|scalar| scalar.add_reads(&mut reads));
        self.check_aggregate_level(&reads, name.place)?;
        let data_type = result_type(function, first);
        let out = self.slot(name.name.as_str(), data_type);
        Ok(AggregateCall { function, args, distinct: call.distinct, filter, order, out, data_type })
    }

    fn aggregate_argument(&mut self, function: AggregateFunction, expr: &'a Expr) -> Result<Typed> {
        match function {
            AggregateFunction::Sum | AggregateFunction::Total | AggregateFunction::Avg => self.argument(Argument::Number, expr),
            AggregateFunction::GroupConcat => self.argument(Argument::Text, expr),
            AggregateFunction::BoolAnd | AggregateFunction::BoolOr => Ok(boolean(self.condition(expr, "this aggregate")?)),
            AggregateFunction::Count | AggregateFunction::Min | AggregateFunction::Max => self.expr(expr),
        }
    }

    /// A key of an order, as it is written.
    pub(super) fn sort_key(&mut self, key: &'a OrderKey) -> Result<SortKey> {
        let expr = self.expr(&key.expr)?.scalar;
        Ok(sort_key_of(key, expr))
    }
}

/// The order of a key over this expression: NULL is the smallest unless it says otherwise.
pub(super) fn sort_key_of(key: &OrderKey, expr: Scalar) -> SortKey {
    SortKey { expr, descending: key.descending, nulls_first: key.nulls_first.unwrap_or(!key.descending) }
}

fn result_type(function: AggregateFunction, of: DataType) -> DataType {
    match function {
        AggregateFunction::Count => DataType::BIGINT,
        AggregateFunction::Total => DataType::Double,
        AggregateFunction::Sum => computed(of),
        AggregateFunction::Avg => match of {
            // Six more digits than are given.
            DataType::Decimal { scale, .. } => DataType::Decimal { precision: 28, scale: (scale + 6).min(28) },
            _ => DataType::Double,
        },
        AggregateFunction::Min | AggregateFunction::Max => widest(&of),
        AggregateFunction::GroupConcat => DataType::TEXT,
        AggregateFunction::BoolAnd | AggregateFunction::BoolOr => DataType::Boolean,
    }
}

fn aggregate_refused(place: Place, name: &str, where_: &str) -> Error {
    Error::new(ErrorKind::Type, format!("the aggregate {name} may not stand {where_}")).with_state("42803").at(place)
}

fn is_same_call(a: &AggregateCall, b: &AggregateCall) -> bool {
    let same_lists = |a: &[Scalar], b: &[Scalar]| a.len() == b.len() && a.iter().zip(b).all(|(a, b)| same(a, b));
    let same_filter = match (&a.filter, &b.filter) {
        (None, None) => true,
        (Some(a), Some(b)) => same(a, b),
        _ => false,
    };
    a.function == b.function
        && a.distinct == b.distinct
        && a.order.is_empty()
        && b.order.is_empty()
        && same_filter
        && same_lists(&a.args, &b.args)
        && !a.args.iter().any(is_volatile)
}

/// Whether an expression may give another value each time that it is computed.
pub(crate) fn is_volatile(scalar: &Scalar) -> bool {
    scalar.any(&mut |scalar| match scalar {
        Scalar::Call { function, .. } => function.is_volatile(),
        _ => scalar.subquery().is_some_and(|query| is_volatile_node(&query.node)),
    })
}

/// Whether it gives the same rows each time that a statement reads it, whatever stands around it.
pub(crate) fn is_same_each_time(node: &super::node::Node) -> bool {
    node.free().is_empty() && !is_volatile_node(node)
}

pub(crate) fn is_volatile_node(node: &super::node::Node) -> bool {
    let mut found = false;
    node.scalars(&mut |scalar| found = found || is_volatile(scalar));
    node.inputs(&mut |input| found = found || is_volatile_node(input));
    found
}

/// A time so many units later. A day and some hours is a time of day.
pub(super) fn date_add(unit: &'static str, count: Scalar, mut time: Typed) -> Typed {
    if time.data_type == DataType::Date && matches!(unit, "hour" | "minute" | "second" | "millisecond" | "microsecond") {
        time = cast(time, DataType::Timestamp);
    }
    let unit = Scalar::Constant(Value::Text(unit.into()));
    Typed {
        scalar: Scalar::Call { function: Function::DateAdd, args: vec![unit, count, time.scalar] },
        data_type: time.data_type,
    }
}

/// The unit of time with this name.
pub(super) fn unit_of(name: &str, place: Place) -> Result<&'static str> {
    function::unit(name)
        .ok_or_else(|| Error::new(ErrorKind::Name, format!("there is no unit of time {name}")).with_state("42703").at(place))
}

fn bare_name(expr: &Expr) -> Result<(&str, Place)> {
    match expr {
        Expr::Literal(Value::Text(text)) => Ok((text, Place::default())),
        Expr::Column { table: None, name } => Ok((&name.name, name.place)),
        other => Err(type_error(place_of(other), "a name is wanted here")),
    }
}

fn unit_argument(expr: &Expr) -> Result<Typed> {
    let (name, place) = bare_name(expr)?;
    Ok(Typed { scalar: Scalar::Constant(Value::Text(unit_of(name, place)?.into())), data_type: DataType::TEXT })
}

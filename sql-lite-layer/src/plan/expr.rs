//! Expressions: from the statement's tree to scalars over slots, with their types.
//!
//! Types are strict, as PostgreSQL and H2 have them. What converts by itself: a text literal to whatever stands beside it, a whole number to a truth value (H2's
//! `active = 1`), numbers among each other, whatever is joined by `||` to text.

use super::call::{date_add, is_volatile, unit_of};
use super::function::Argument;
use super::scalar::Scalar;
use super::{COPIED_MAX, Planner, Typed, type_error, unsupported};
use crate::error::{Error, ErrorKind, Place, Result};
use crate::parse::ast::{ArithmeticOp, CompareOp, Expr, Ident, Query};
use crate::types::{self, DataType, IntWidth, Value};

impl<'a> Planner<'a> {
    /// An expression of one value.
    pub(super) fn expr(&mut self, expr: &'a Expr) -> Result<Typed> {
        match expr {
            Expr::Literal(value) => Ok(Typed { scalar: Scalar::Constant(value.clone()), data_type: type_of(value) }),
            Expr::Default(place) => {
                Err(Error::new(ErrorKind::Syntax, "DEFAULT stands only for a whole value of INSERT and UPDATE").at(*place))
            }
            Expr::Parameter(number) => {
                let data_type = self.state.parameters.get(*number as usize).copied().unwrap_or(DataType::Unknown);
                Ok(Typed { scalar: Scalar::Parameter(*number), data_type })
            }
            Expr::Column { table, name } => self.column(table.as_ref(), name),
            Expr::Not(of) => Ok(boolean(Scalar::Not(Box::new(self.condition(of, "NOT")?)))),
            Expr::Negate(of) => self.negate(of),
            Expr::And(list) => Ok(boolean(Scalar::And(self.conditions(list, "AND")?))),
            Expr::Or(list) => Ok(boolean(Scalar::Or(self.conditions(list, "OR")?))),
            Expr::Compare { op, left, right } => self.compare(*op, left, right),
            Expr::Arithmetic { op, left, right } => self.arithmetic(*op, left, right),
            Expr::Concat(list) => self.concat(list),
            Expr::IsNull { expr, negated } => {
                let of = self.expr(expr)?.scalar;
                Ok(boolean(Scalar::IsNull { of: Box::new(of), negated: *negated }))
            }
            Expr::IsTruth { expr, truth, negated } => {
                let of = self.condition(expr, "IS TRUE")?;
                Ok(boolean(Scalar::IsTruth { of: Box::new(of), truth: *truth, negated: *negated }))
            }
            Expr::IsDistinct { left, right, negated } => {
                let place = place_of(expr);
                let (left, right) = (self.expr(left)?, self.expr(right)?);
                let (left, right) = self.comparable(left, right, place)?;
                Ok(boolean(Scalar::IsDistinct { left: Box::new(left.scalar), right: Box::new(right.scalar), negated: *negated }))
            }
            Expr::Between { expr, low, high, negated } => self.between(expr, low, high, *negated),
            Expr::Like { expr, pattern, escape, ignore_case, negated } => {
                let of = self.text(expr, "LIKE")?;
                let pattern = self.text(pattern, "LIKE")?;
                let escape = escape.as_deref().map(|escape| self.text(escape, "ESCAPE")).transpose()?;
                Ok(boolean(Scalar::Like {
                    of: Box::new(of),
                    pattern: Box::new(pattern),
                    escape: escape.map(Box::new),
                    ignore_case: *ignore_case,
                    negated: *negated,
                }))
            }
            Expr::InList { expr, list, negated } => self.in_list(expr, list, *negated),
            Expr::InQuery { expr, query, negated } => self.in_query(expr, query, *negated),
            Expr::Exists { query, negated } => {
                let (query, _) = self.subquery(query)?;
                Ok(boolean(Scalar::Exists { query: Box::new(query), negated: *negated }))
            }
            Expr::Subquery(query) => self.scalar_subquery(query),
            Expr::Row(list) => Err(unsupported(
                list.first().map_or_else(Place::default, place_of),
                "a row value stands only beside a comparison or IN",
            )),
            Expr::Case { operand, branches, otherwise } => self.case(operand.as_deref(), branches, otherwise.as_deref()),
            Expr::Cast { expr, to } => {
                let mut of = self.expr(expr)?;
                if of.data_type == DataType::Unknown {
                    self.infer(&mut of, to);
                }
                if matches!((&of.data_type, to), (DataType::Blob { .. }, DataType::Text { .. })) {
                    // Changes nothing, and shows the optimizer a conversion that may fail: not all bytes are text.
                    of = cast(of, DataType::Blob { max: None });
                }
                Ok(Typed { scalar: Scalar::Cast { of: Box::new(of.scalar), to: *to }, data_type: *to })
            }
            Expr::Call(call) => self.call(call),
            Expr::Interval { unit, .. } => {
                Err(unsupported(unit.place, "an INTERVAL stands only behind a time and + or -: there are no columns of them"))
            }
        }
    }

    /// An expression that is true, false or NULL; `what` wants it.
    pub(super) fn condition(&mut self, expr: &'a Expr, what: &str) -> Result<Scalar> {
        let mut typed = self.expr(expr)?;
        match typed.data_type {
            DataType::Boolean => Ok(typed.scalar),
            DataType::Unknown => {
                self.infer(&mut typed, &DataType::Boolean);
                Ok(typed.scalar)
            }
            DataType::Integer(_) => Ok(cast(typed, DataType::Boolean).scalar),
            other => Err(type_error(place_of(expr), format!("{what} wants BOOLEAN, not {other}"))),
        }
    }

    fn conditions(&mut self, list: &'a [Expr], what: &str) -> Result<Vec<Scalar>> {
        list.iter().map(|expr| self.condition(expr, what)).collect()
    }

    /// The conjuncts of a condition.
    pub(super) fn conjuncts(&mut self, expr: &'a Expr, what: &str) -> Result<Vec<Scalar>> {
        Ok(match self.condition(expr, what)? {
            Scalar::And(list) => list,
            other => vec![other],
        })
    }

    fn negate(&mut self, expr: &'a Expr) -> Result<Typed> {
        let of = self.expr(expr)?;
        if let Scalar::Constant(value) = &of.scalar
            && of.data_type.is_numeric()
        {
            let value = types::negate(value).map_err(|error| error.at(place_of(expr)))?;
            return Ok(Typed { data_type: type_of(&value), scalar: Scalar::Constant(value) });
        }
        if !of.data_type.is_numeric() && of.data_type != DataType::Unknown {
            return Err(type_error(place_of(expr), format!("a {} has no negative", of.data_type)));
        }
        Ok(Typed { data_type: computed(of.data_type), scalar: Scalar::Negate(Box::new(of.scalar)) })
    }

    fn arithmetic(&mut self, op: ArithmeticOp, left: &'a Expr, right: &'a Expr) -> Result<Typed> {
        match (op, left, right) {
            (ArithmeticOp::Add | ArithmeticOp::Subtract, time, Expr::Interval { count, unit })
            | (ArithmeticOp::Add, Expr::Interval { count, unit }, time) => self.later(op, time, count, unit),
            _ => {
                let place = place_of(left);
                let (left, right) = (self.expr(left)?, self.expr(right)?);
                self.arithmetic_of(op, left, right, place)
            }
        }
    }

    /// A time plus or minus an interval.
    fn later(&mut self, op: ArithmeticOp, time: &'a Expr, count: &'a Expr, unit: &'a Ident) -> Result<Typed> {
        let unit = unit_of(&unit.name, unit.place)?;
        let mut count = self.argument(Argument::Integer, count)?.scalar;
        let time = self.argument(Argument::Time, time)?;
        if op == ArithmeticOp::Subtract {
            count = Scalar::Negate(Box::new(count));
        }
        Ok(date_add(unit, count, time))
    }

    /// `left op right` of expressions that are planned.
    pub(super) fn arithmetic_of(&mut self, op: ArithmeticOp, mut left: Typed, mut right: Typed, place: Place) -> Result<Typed> {
        let (left_type, right_type) = (left.data_type, right.data_type);
        for (one, other) in [(&mut left, right_type), (&mut right, left_type)] {
            if is_text_literal(one) && other.is_numeric() {
                *one = literal_as(one, &other, place)?;
            }
            if one.data_type == DataType::Unknown && other.is_numeric() {
                self.keep_exact(one);
                self.infer(one, &other);
            }
            if one.data_type == DataType::Unknown && matches!(other, DataType::Date | DataType::Timestamp) {
                self.keep_exact(one);
                self.infer(one, &DataType::BIGINT);
            }
        }
        let bits = matches!(op, ArithmeticOp::BitAnd | ArithmeticOp::BitOr | ArithmeticOp::BitXor);
        let data_type = match (left.data_type, right.data_type) {
            (DataType::Integer(_), DataType::Integer(_)) => DataType::BIGINT,
            (DataType::Unknown, other) | (other, DataType::Unknown) if other.is_numeric() || other == DataType::Unknown => {
                computed(other)
            }
            (DataType::Double, other) | (other, DataType::Double) if other.is_numeric() && !bits => DataType::Double,
            (DataType::Decimal { scale: a, .. }, DataType::Decimal { scale: b, .. }) if !bits => decimal(a.max(b)),
            (DataType::Decimal { scale, .. }, DataType::Integer(_)) | (DataType::Integer(_), DataType::Decimal { scale, .. })
                if !bits =>
            {
                decimal(scale)
            }
            (time @ (DataType::Date | DataType::Timestamp), DataType::Integer(_))
                if matches!(op, ArithmeticOp::Add | ArithmeticOp::Subtract) =>
            {
                time
            }
            (DataType::Integer(_), time @ (DataType::Date | DataType::Timestamp)) if op == ArithmeticOp::Add => time,
            (DataType::Date, DataType::Date) if op == ArithmeticOp::Subtract => DataType::BIGINT,
            (a, b) => return Err(type_error(place, format!("{a} {} {b} is not defined", arithmetic_sign(op)))),
        };
        let scalar = Scalar::Arithmetic { op, left: Box::new(left.scalar), right: Box::new(right.scalar) };
        Ok(Typed { scalar, data_type })
    }

    fn concat(&mut self, list: &'a [Expr]) -> Result<Typed> {
        let mut parts = Vec::with_capacity(list.len());
        for expr in list {
            parts.push(self.text_of_any(expr)?);
        }
        Ok(Typed { scalar: Scalar::Concat(parts), data_type: DataType::TEXT })
    }

    /// An expression of text: nothing else converts to it.
    fn text(&mut self, expr: &'a Expr, what: &str) -> Result<Scalar> {
        let mut typed = self.expr(expr)?;
        match typed.data_type {
            DataType::Text { .. } => Ok(typed.scalar),
            DataType::Unknown => {
                self.infer(&mut typed, &DataType::TEXT);
                Ok(typed.scalar)
            }
            other => Err(type_error(place_of(expr), format!("{what} wants text, not {other}"))),
        }
    }

    /// An expression of any type but bytes, as text.
    pub(super) fn text_of_any(&mut self, expr: &'a Expr) -> Result<Scalar> {
        let mut typed = self.expr(expr)?;
        match typed.data_type {
            DataType::Text { .. } => {}
            DataType::Unknown => self.infer(&mut typed, &DataType::TEXT),
            DataType::Blob { .. } => return Err(type_error(place_of(expr), "bytes are no text: CAST them")),
            _ => return Ok(cast(typed, DataType::TEXT).scalar),
        }
        Ok(typed.scalar)
    }

    fn case(&mut self, operand: Option<&'a Expr>, branches: &'a [(Expr, Expr)], otherwise: Option<&'a Expr>) -> Result<Typed> {
        let operand = match operand {
            Some(operand) => Some((self.expr(operand)?, place_of(operand))),
            None => None,
        };
        let (mut conditions, mut results) = (Vec::new(), Vec::new());
        let mut places = Vec::new();
        for (when, then) in branches {
            conditions.push(match &operand {
                None => self.condition(when, "WHEN")?,
                Some((operand, place)) => {
                    if is_volatile(&operand.scalar) {
                        return Err(unsupported(*place, "CASE over an expression that gives another value each time"));
                    }
                    let left = self.copy(operand)?;
                    let right = self.expr(when)?;
                    let (left, right) = self.comparable(left, right, place_of(when))?;
                    compare(CompareOp::Eq, left.scalar, right.scalar)
                }
            });
            results.push(self.expr(then)?);
            places.push(place_of(then));
        }
        if let Some(otherwise) = otherwise {
            results.push(self.expr(otherwise)?);
            places.push(place_of(otherwise));
        }
        let (mut results, data_type) = self.unify(results, &places, "CASE")?;
        let otherwise = otherwise.and_then(|_| results.pop()).map(Box::new);
        Ok(Typed { scalar: Scalar::Case { branches: conditions.into_iter().zip(results).collect(), otherwise }, data_type })
    }

    fn scalar_subquery(&mut self, query: &'a Query) -> Result<Typed> {
        let place = place_of_query(query);
        let (query, types) = self.subquery(query)?;
        match types[..] {
            [data_type] => Ok(Typed { scalar: Scalar::Subquery(Box::new(query)), data_type }),
            _ => Err(type_error(place, format!("a subquery for one value has {} columns", types.len()))),
        }
    }

    /// These as values of one type, which is given too.
    pub(super) fn unify(&mut self, list: Vec<Typed>, places: &[Place], what: &str) -> Result<(Vec<Scalar>, DataType)> {
        let mut common = DataType::Unknown;
        let mut has_literal = false;
        for (typed, place) in list.iter().zip(places) {
            if is_text_literal(typed) {
                has_literal = true;
                continue;
            }
            common = types::common_type(&common, &typed.data_type)
                .ok_or_else(|| type_error(*place, format!("{what} of {common} and {} has no type", typed.data_type)))?;
        }
        if common == DataType::Unknown && has_literal {
            common = DataType::TEXT;
        }
        list.iter().for_each(|typed| self.keep_exact(typed));
        // Only a parameter's class is known before it is given, not its width.
        if list.iter().any(|typed| typed.data_type == DataType::Unknown && matches!(typed.scalar, Scalar::Parameter(_))) {
            common = widest(&common);
        }
        let scalars = list.into_iter().zip(places).map(|(typed, place)| self.convert(typed, &common, *place));
        Ok((scalars.collect::<Result<_>>()?, common))
    }

    /// This as a value of `to`, which it fits by `common_type`.
    pub(super) fn convert(&mut self, mut typed: Typed, to: &DataType, place: Place) -> Result<Scalar> {
        if is_text_literal(&typed) && !matches!(to, DataType::Text { .. } | DataType::Unknown) {
            return Ok(literal_as(&typed, to, place)?.scalar);
        }
        if typed.data_type == DataType::Unknown {
            self.infer(&mut typed, to);
            return Ok(typed.scalar);
        }
        if same_class(&typed.data_type, to) || *to == DataType::Unknown {
            return Ok(typed.scalar);
        }
        Ok(cast(typed, widest(to)).scalar)
    }

    /// Gives an expression of unknown type this one: a parameter remembers it.
    pub(super) fn infer(&mut self, typed: &mut Typed, to: &DataType) {
        if let Scalar::Parameter(number) = typed.scalar
            && let Some(parameter) = self.state.parameters.get_mut(number as usize)
            && *parameter == DataType::Unknown
        {
            *parameter = widest(to);
        }
        typed.data_type = *to;
    }

    /// A parameter that stands here is never rounded: a value that does not fit the class beside it is what its literal would be.
    pub(super) fn keep_exact(&mut self, typed: &Typed) {
        if let Scalar::Parameter(number) = typed.scalar
            && let Some(compared) = self.state.compared.get_mut(number as usize)
        {
            *compared = true;
        }
    }

    /// Another expression of the same value: its subqueries have slots and numbers of their own.
    ///
    /// # Errors
    ///
    /// `Limit` where a statement copies too much.
    pub(super) fn copy(&mut self, typed: &Typed) -> Result<Typed> {
        self.state.copied += typed.scalar.size(COPIED_MAX);
        if self.state.copied > COPIED_MAX {
            return Err(Error::new(
                ErrorKind::Limit,
                "expressions are repeated too often: nest fewer CASE, BETWEEN and row values",
            ));
        }
        self.count_operators(super::query::operators_in(&typed.scalar))?;
        let mut copy = typed.clone();
        if copy.scalar.any(&mut |scalar| scalar.subquery().is_some()) {
            self.renumber(&mut copy.scalar);
        }
        Ok(copy)
    }

    /// Gives each subquery slots and a number of its own.
    fn renumber(&mut self, scalar: &mut Scalar) {
        scalar.operands_mut(&mut |operand| self.renumber(operand));
        if let Some(query) = scalar.subquery_mut() {
            query.number = self.state.subquery_count;
            self.state.subquery_count += 1;
            let renamed = self.renew(&mut query.node);
            for slot in &mut query.columns {
                *slot = renamed.get(slot).copied().unwrap_or(*slot);
            }
        }
    }
}

/// A truth value.
pub(super) fn boolean(scalar: Scalar) -> Typed {
    Typed { scalar, data_type: DataType::Boolean }
}

/// `left op right`.
pub(super) fn compare(op: CompareOp, left: Scalar, right: Scalar) -> Scalar {
    Scalar::Compare { op, left: Box::new(left), right: Box::new(right) }
}

/// This with a conversion.
pub(super) fn cast(typed: Typed, to: DataType) -> Typed {
    if let Scalar::Constant(Value::Null) = typed.scalar {
        return Typed { scalar: typed.scalar, data_type: to };
    }
    Typed { scalar: Scalar::Cast { of: Box::new(typed.scalar), to }, data_type: to }
}

/// The type of a literal.
pub(crate) fn type_of(value: &Value<'_>) -> DataType {
    match value {
        Value::Null => DataType::Unknown,
        Value::Bool(_) => DataType::Boolean,
        Value::Int(_) => DataType::BIGINT,
        Value::Double(_) => DataType::Double,
        Value::Decimal(number) => decimal(u8::try_from(number.scale()).unwrap_or(28)),
        Value::Text(_) => DataType::TEXT,
        Value::Blob(_) => DataType::Blob { max: None },
        Value::Timestamp(_) => DataType::Timestamp,
        Value::Date(_) => DataType::Date,
        Value::Uuid(_) => DataType::Uuid,
    }
}

fn decimal(scale: u8) -> DataType {
    DataType::Decimal { precision: 28, scale: scale.min(28) }
}

/// The type of what arithmetic makes of this.
pub(super) fn computed(of: DataType) -> DataType {
    match of {
        DataType::Integer(_) => DataType::BIGINT,
        DataType::Decimal { scale, .. } => decimal(scale),
        other => other,
    }
}

/// The widest type of the same class.
pub(super) fn widest(of: &DataType) -> DataType {
    match of {
        DataType::Integer(_) => DataType::Integer(IntWidth::Big),
        DataType::Decimal { scale, .. } => decimal(*scale),
        DataType::Text { .. } => DataType::TEXT,
        DataType::Blob { .. } => DataType::Blob { max: None },
        other => *other,
    }
}

/// Whether values of both are of one form, whatever their widths.
pub(crate) fn same_class(a: &DataType, b: &DataType) -> bool {
    std::mem::discriminant(a) == std::mem::discriminant(b)
}

/// Whether it is text as it stands in the statement, which may mean a value of another type.
pub(super) fn is_text_literal(typed: &Typed) -> bool {
    matches!(typed.scalar, Scalar::Constant(Value::Text(_)))
}

/// A text literal as a value of this type.
pub(super) fn literal_as(literal: &Typed, to: &DataType, place: Place) -> Result<Typed> {
    let Scalar::Constant(value) = &literal.scalar else { return Ok(literal.clone()) };
    let (value, data_type) = as_literal(value, to).map_err(|error| error.at(place))?;
    Ok(Typed { scalar: Scalar::Constant(value), data_type })
}

/// What a text that is compared with values of this type means, and its type.
pub(crate) fn as_literal(value: &Value<'_>, to: &DataType) -> Result<(Value<'static>, DataType)> {
    let to = match (to, value) {
        // A comparison must not round: as many digits as are written.
        (DataType::Integer(_) | DataType::Decimal { .. }, Value::Text(text)) if text.contains('.') => {
            let digits = text.trim_end().len() - text.find('.').unwrap_or(0) - 1;
            decimal(u8::try_from(digits).unwrap_or(28))
        }
        (DataType::Date, Value::Text(text)) if text.trim().len() > 10 => DataType::Timestamp,
        (to, _) => widest(to),
    };
    Ok((types::cast(value.lend(), &to)?.into_owned(), to))
}

pub(crate) fn arithmetic_sign(op: ArithmeticOp) -> &'static str {
    match op {
        ArithmeticOp::Add => "+",
        ArithmeticOp::Subtract => "-",
        ArithmeticOp::Multiply => "*",
        ArithmeticOp::Divide => "/",
        ArithmeticOp::Modulo => "%",
        ArithmeticOp::BitAnd => "&",
        ArithmeticOp::BitOr => "|",
        ArithmeticOp::BitXor => "^",
    }
}

/// The first place that is known in an expression.
pub(super) fn place_of(expr: &Expr) -> Place {
    let first = |list: &[Expr]| list.iter().map(place_of).find(|place| place.line > 0).unwrap_or_default();
    let or = |a: &Expr, b: &Expr| {
        let place = place_of(a);
        if place.line > 0 { place } else { place_of(b) }
    };
    match expr {
        Expr::Literal(_) | Expr::Parameter(_) => Place::default(),
        Expr::Default(place) => *place,
        Expr::Column { table, name } => table.as_ref().map_or(name.place, |table: &Ident| table.place),
        Expr::Not(of) | Expr::Negate(of) => place_of(of),
        Expr::And(list) | Expr::Or(list) | Expr::Concat(list) | Expr::Row(list) => first(list),
        Expr::Compare { left, right, .. } | Expr::Arithmetic { left, right, .. } | Expr::IsDistinct { left, right, .. } => {
            or(left, right)
        }
        Expr::IsNull { expr, .. } | Expr::IsTruth { expr, .. } | Expr::Cast { expr, .. } => place_of(expr),
        Expr::Between { expr, low, .. } => or(expr, low),
        Expr::Like { expr, pattern, .. } => or(expr, pattern),
        Expr::InList { expr, .. } | Expr::InQuery { expr, .. } => place_of(expr),
        Expr::Exists { query, .. } | Expr::Subquery(query) => place_of_query(query),
        Expr::Case { operand, branches, .. } => match operand {
            Some(operand) => place_of(operand),
            None => branches.first().map_or_else(Place::default, |(when, then)| or(when, then)),
        },
        Expr::Call(call) => call.name.place,
        Expr::Interval { unit, .. } => unit.place,
    }
}

/// The first place that is known in a query's first item.
fn place_of_query(query: &Query) -> Place {
    use crate::parse::ast::{QueryBody, SelectItem};
    match &query.body {
        QueryBody::Select(select) => match select.items.first() {
            Some(SelectItem::Expr { expr, .. }) => place_of(expr),
            Some(SelectItem::All(place)) => *place,
            Some(SelectItem::AllOf(name, _)) => name.place,
            None => Place::default(),
        },
        _ => Place::default(),
    }
}

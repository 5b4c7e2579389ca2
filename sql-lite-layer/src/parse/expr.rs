//! The crate's expressions, taken apart into ours.
//!
//! Chains of AND, OR and `||` are flattened without recursion; everything else costs one level, and levels are capped. So our tree is never deeper than the limit, and whoever
//! walks it may recurse.
//!
//! Each kind of expression has a function of its own that is not inlined: together they would make one frame of 7 KiB for each level.

use std::borrow::Cow;

use sqlparser::ast as sp;
use sqlparser::ast::{BinaryOperator, UnaryOperator};

use super::ast::{ArithmeticOp, Call, CompareOp, Expr, Ident, OrderKey};
use super::cursor::unsupported;
use super::{Limits, literal, query, token};
use crate::error::{Error, ErrorKind, Place, Result};
use crate::types::Value;

/// Takes the crate's trees apart, and knows how deep it is.
pub(super) struct Lowering {
    depth: usize,
    limits: Limits,
}

impl Lowering {
    pub(super) fn new(limits: &Limits) -> Lowering {
        Lowering { depth: 0, limits: *limits }
    }

    /// Does this one level deeper.
    pub(super) fn deeper<T>(&mut self, at: Place, lower: impl FnOnce(&mut Self) -> Result<T>) -> Result<T> {
        self.deeper_by(1, lower).map_err(|error| error.at(at))
    }

    /// Does this so many levels deeper.
    pub(super) fn deeper_by<T>(&mut self, levels: usize, lower: impl FnOnce(&mut Self) -> Result<T>) -> Result<T> {
        if self.depth + levels > self.limits.nesting {
            return Err(token::too_deep(&self.limits));
        }
        self.depth += levels;
        let lowered = lower(self);
        self.depth -= levels;
        lowered
    }

    pub(super) fn expr(&mut self, expr: sp::Expr) -> Result<Expr> {
        let at = if self.depth + 1 >= self.limits.nesting { place(&expr) } else { Place::default() };
        self.deeper(at, |lowering| lowering.by_kind(expr))
    }

    fn boxed(&mut self, expr: sp::Expr) -> Result<Box<Expr>> {
        self.expr(expr).map(Box::new)
    }

    pub(super) fn exprs(&mut self, exprs: Vec<sp::Expr>) -> Result<Vec<Expr>> {
        exprs.into_iter().map(|expr| self.expr(expr)).collect()
    }

    fn by_kind(&mut self, expr: sp::Expr) -> Result<Expr> {
        match expr {
            sp::Expr::Identifier(name) => Ok(Expr::Column { table: None, name: ident(name)? }),
            sp::Expr::CompoundIdentifier(names) => column(names),
            sp::Expr::Value(value) => self.value(value),
            sp::Expr::Nested(inner) => self.by_kind_unless_deeper(*inner),
            sp::Expr::BinaryOp { left, op, right } => self.binary(*left, op, *right),
            sp::Expr::UnaryOp { op, expr } => self.unary(op, *expr),
            sp::Expr::Function(function) => self.function(function),
            sp::Expr::IsNull(..)
            | sp::Expr::IsNotNull(..)
            | sp::Expr::IsTrue(..)
            | sp::Expr::IsNotTrue(..)
            | sp::Expr::IsFalse(..)
            | sp::Expr::IsNotFalse(..) => self.test(expr),
            sp::Expr::IsUnknown(..)
            | sp::Expr::IsNotUnknown(..)
            | sp::Expr::IsDistinctFrom(..)
            | sp::Expr::IsNotDistinctFrom(..) => self.test(expr),
            sp::Expr::InList { .. }
            | sp::Expr::InSubquery { .. }
            | sp::Expr::Between { .. }
            | sp::Expr::Like { .. }
            | sp::Expr::ILike { .. } => self.predicate(expr),
            sp::Expr::Case { operand, conditions, else_result, case_token: _, end_token: _ } => {
                self.case(operand, conditions, else_result)
            }
            sp::Expr::Cast { kind: sp::CastKind::Cast | sp::CastKind::DoubleColon, expr, data_type, format: None } => {
                Ok(Expr::Cast { to: literal::data_type(&data_type)?, expr: self.boxed(*expr)? })
            }
            sp::Expr::Exists { subquery, negated } => Ok(Expr::Exists { query: Box::new(self.query(*subquery)?), negated }),
            sp::Expr::Subquery(query) => Ok(Expr::Subquery(Box::new(self.query(*query)?))),
            sp::Expr::Tuple(exprs) => Ok(Expr::Row(self.exprs(exprs)?)),
            sp::Expr::Substring { expr, substring_from, substring_for, special: _, shorthand: _ } => {
                self.substring(*expr, substring_from, substring_for)
            }
            sp::Expr::Interval(sp::Interval { value, leading_field: Some(sp::DateTimeField::Custom(unit)), .. }) => {
                Ok(Expr::Interval { count: self.boxed(*value)?, unit: ident(unit)? })
            }
            other => Err(unsupported(&kind_of(&other), place(&other))),
        }
    }

    /// Parentheses cost no level: the parser's own limit bounds them.
    fn by_kind_unless_deeper(&mut self, expr: sp::Expr) -> Result<Expr> {
        let mut expr = expr;
        while let sp::Expr::Nested(inner) = expr {
            expr = *inner;
        }
        self.by_kind(expr)
    }

    // --- Literals and parameters

    #[inline(never)]
    fn value(&mut self, value: sp::ValueWithSpan) -> Result<Expr> {
        let at = token::place(value.span.start);
        match value.value {
            sp::Value::Number(digits, _) => literal::number(&digits, false, at).map(Expr::Literal),
            sp::Value::SingleQuotedString(text) | sp::Value::NationalStringLiteral(text) => {
                Ok(Expr::Literal(literal::text(text)))
            }
            sp::Value::HexStringLiteral(digits) => literal::blob(&digits, at).map(Expr::Literal),
            sp::Value::Boolean(truth) => Ok(Expr::Literal(Value::Bool(truth))),
            sp::Value::Null => Ok(Expr::Literal(Value::Null)),
            sp::Value::Placeholder(text) => match text.strip_prefix('?').and_then(|number| number.parse().ok()) {
                Some(number) => Ok(Expr::Parameter(number)),
                None => Err(Error::new(ErrorKind::Syntax, "expected an expression").at(at)),
            },
            other => Err(unsupported(&format!("the literal {other}"), at)),
        }
    }

    // --- Operators

    #[inline(never)]
    fn unary(&mut self, op: UnaryOperator, expr: sp::Expr) -> Result<Expr> {
        match (op, expr) {
            (UnaryOperator::Not, expr) => Ok(Expr::Not(self.boxed(expr)?)),
            // A literal with its sign is one literal: the smallest number has no positive twin.
            (UnaryOperator::Minus, sp::Expr::Value(sp::ValueWithSpan { value: sp::Value::Number(digits, _), span })) => {
                literal::number(&digits, true, token::place(span.start)).map(Expr::Literal)
            }
            (UnaryOperator::Minus, expr) => Ok(Expr::Negate(self.boxed(expr)?)),
            (UnaryOperator::Plus, expr) => self.expr(expr),
            // All bits are turned by XOR with a number of ones.
            (UnaryOperator::BitwiseNot, expr) => Ok(Expr::Arithmetic {
                op: ArithmeticOp::BitXor,
                left: self.boxed(expr)?,
                right: Box::new(Expr::Literal(Value::Int(-1))),
            }),
            (op, expr) => Err(unsupported(&format!("the operator {op}"), place(&expr))),
        }
    }

    #[inline(never)]
    fn binary(&mut self, left: sp::Expr, op: BinaryOperator, right: sp::Expr) -> Result<Expr> {
        if matches!(op, BinaryOperator::And | BinaryOperator::Or | BinaryOperator::StringConcat) {
            return self.chain(left, op, right);
        }
        if let Some(op) = comparison(&op) {
            return Ok(Expr::Compare { op, left: self.boxed(left)?, right: self.boxed(right)? });
        }
        let Some(op) = arithmetic(&op) else {
            return Err(unsupported(&format!("the operator {op}"), place(&left)));
        };
        Ok(Expr::Arithmetic { op, left: self.boxed(left)?, right: self.boxed(right)? })
    }

    /// `a AND b AND c`: the crate has it as a tree as deep as it is long, leaning to the left.
    #[inline(never)]
    fn chain(&mut self, left: sp::Expr, op: BinaryOperator, right: sp::Expr) -> Result<Expr> {
        let mut rights = vec![right];
        let mut first = left;
        loop {
            match first {
                sp::Expr::BinaryOp { left, op: same, right } if same == op => {
                    rights.push(*right);
                    first = *left;
                }
                other => {
                    first = other;
                    break;
                }
            }
        }
        let mut operands = Vec::with_capacity(rights.len() + 1);
        operands.push(self.expr(first)?);
        while let Some(operand) = rights.pop() {
            operands.push(self.expr(operand)?);
        }
        Ok(match op {
            BinaryOperator::And => Expr::And(operands),
            BinaryOperator::Or => Expr::Or(operands),
            _ => Expr::Concat(operands),
        })
    }

    /// `IS ..`
    #[inline(never)]
    fn test(&mut self, expr: sp::Expr) -> Result<Expr> {
        let is_null = |expr, negated| Expr::IsNull { expr, negated };
        let is_truth = |expr, truth, negated| Expr::IsTruth { expr, truth, negated };
        Ok(match expr {
            // A truth value is unknown if it is NULL.
            sp::Expr::IsNull(of) | sp::Expr::IsUnknown(of) => is_null(self.boxed(*of)?, false),
            sp::Expr::IsNotNull(of) | sp::Expr::IsNotUnknown(of) => is_null(self.boxed(*of)?, true),
            sp::Expr::IsTrue(of) => is_truth(self.boxed(*of)?, true, false),
            sp::Expr::IsNotTrue(of) => is_truth(self.boxed(*of)?, true, true),
            sp::Expr::IsFalse(of) => is_truth(self.boxed(*of)?, false, false),
            sp::Expr::IsNotFalse(of) => is_truth(self.boxed(*of)?, false, true),
            sp::Expr::IsDistinctFrom(left, right) => {
                Expr::IsDistinct { left: self.boxed(*left)?, right: self.boxed(*right)?, negated: false }
            }
            sp::Expr::IsNotDistinctFrom(left, right) => {
                Expr::IsDistinct { left: self.boxed(*left)?, right: self.boxed(*right)?, negated: true }
            }
            other => return Err(unsupported(&kind_of(&other), place(&other))),
        })
    }

    /// `IN`, `BETWEEN` and `LIKE`.
    #[inline(never)]
    fn predicate(&mut self, expr: sp::Expr) -> Result<Expr> {
        Ok(match expr {
            sp::Expr::InList { expr, list, negated } => {
                Expr::InList { expr: self.boxed(*expr)?, list: self.exprs(list)?, negated }
            }
            sp::Expr::InSubquery { expr, subquery, negated } => {
                Expr::InQuery { expr: self.boxed(*expr)?, query: Box::new(self.query(*subquery)?), negated }
            }
            sp::Expr::Between { expr, negated, low, high } => {
                Expr::Between { expr: self.boxed(*expr)?, low: self.boxed(*low)?, high: self.boxed(*high)?, negated }
            }
            sp::Expr::Like { negated, any: false, expr, pattern, escape_char } => {
                self.like(*expr, *pattern, escape_char, false, negated)?
            }
            sp::Expr::ILike { negated, any: false, expr, pattern, escape_char } => {
                self.like(*expr, *pattern, escape_char, true, negated)?
            }
            other => return Err(unsupported("LIKE ANY", place(&other))),
        })
    }

    fn like(
        &mut self,
        expr: sp::Expr,
        pattern: sp::Expr,
        escape: Option<Box<sp::Expr>>,
        ignore_case: bool,
        negated: bool,
    ) -> Result<Expr> {
        let (expr, pattern) = (self.boxed(expr)?, self.boxed(pattern)?);
        let escape = escape.map(|escape| self.boxed(*escape)).transpose()?;
        Ok(Expr::Like { expr, pattern, escape, ignore_case, negated })
    }

    fn case(
        &mut self,
        operand: Option<Box<sp::Expr>>,
        branches: Vec<sp::CaseWhen>,
        otherwise: Option<Box<sp::Expr>>,
    ) -> Result<Expr> {
        let operand = operand.map(|operand| self.boxed(*operand)).transpose()?;
        let branches = branches.into_iter().map(|branch| Ok((self.expr(branch.condition)?, self.expr(branch.result)?)));
        let branches = branches.collect::<Result<Vec<_>>>()?;
        let otherwise = otherwise.map(|otherwise| self.boxed(*otherwise)).transpose()?;
        Ok(Expr::Case { operand, branches, otherwise })
    }

    // --- Functions

    /// `SUBSTRING(a FROM 2 FOR 3)` as `SUBSTRING(a, 2, 3)`.
    #[inline(never)]
    fn substring(&mut self, expr: sp::Expr, from: Option<Box<sp::Expr>>, count: Option<Box<sp::Expr>>) -> Result<Expr> {
        let at = place(&expr);
        let mut args = vec![self.expr(expr)?];
        match from {
            Some(from) => args.push(self.expr(*from)?),
            None => return Err(Error::new(ErrorKind::Syntax, "expected where the substring begins").at(at)),
        }
        if let Some(count) = count {
            args.push(self.expr(*count)?);
        }
        let name = Ident { name: "substring".to_owned(), place: at };
        Ok(Expr::Call(Box::new(Call { name, args, star: false, distinct: false, filter: None, order: Vec::new() })))
    }

    #[inline(never)]
    fn function(&mut self, function: sp::Function) -> Result<Expr> {
        let sp::Function { name, uses_odbc_syntax: _, parameters, args, within_group, filter, null_treatment, over } = function;
        let name = query::object_name(name)?;
        if over.is_some() || null_treatment.is_some() {
            return Err(unsupported("this form of a call", name.place));
        }
        let (sp::FunctionArguments::None, sp::FunctionArguments::List(list)) = (parameters, args) else {
            return Err(unsupported("this form of a call", name.place));
        };
        let mut call = Call { name, args: Vec::new(), star: false, distinct: false, filter: None, order: Vec::new() };
        call.distinct = matches!(list.duplicate_treatment, Some(sp::DuplicateTreatment::Distinct));
        self.arguments(list.args, &mut call)?;
        let mut order = within_group;
        for clause in list.clauses {
            match clause {
                sp::FunctionArgumentClause::OrderBy(keys) if order.is_empty() => order = keys,
                sp::FunctionArgumentClause::Limit(sp::Expr::Value(value)) => call.args.push(separator(value)?),
                _ => return Err(unsupported("this clause among a function's arguments", call.name.place)),
            }
        }
        call.order = self.order_keys(order)?;
        call.filter = filter.map(|filter| self.expr(*filter)).transpose()?;
        Ok(Expr::Call(Box::new(call)))
    }

    #[inline(never)]
    fn arguments(&mut self, args: Vec<sp::FunctionArg>, call: &mut Call) -> Result<()> {
        let count = args.len();
        for arg in args {
            match arg {
                sp::FunctionArg::Unnamed(sp::FunctionArgExpr::Expr(expr)) => call.args.push(self.expr(expr)?),
                sp::FunctionArg::Unnamed(sp::FunctionArgExpr::Wildcard) if count == 1 && !call.distinct => call.star = true,
                _ => return Err(unsupported("this form of an argument", call.name.place)),
            }
        }
        Ok(())
    }

    pub(super) fn order_keys(&mut self, keys: Vec<sp::OrderByExpr>) -> Result<Vec<OrderKey>> {
        let mut lowered = Vec::with_capacity(keys.len());
        for sp::OrderByExpr { expr, options: sp::OrderByOptions { sort, nulls_first }, with_fill } in keys {
            let at = place(&expr);
            let descending = match sort {
                None | Some(sp::OrderBySort::Asc) => false,
                Some(sp::OrderBySort::Desc) => true,
                Some(sp::OrderBySort::Using(_)) => return Err(unsupported("ORDER BY .. USING", at)),
            };
            if with_fill.is_some() {
                return Err(unsupported("WITH FILL", at));
            }
            lowered.push(OrderKey { expr: self.expr(expr)?, descending, nulls_first });
        }
        Ok(lowered)
    }
}

/// The text of a `SEPARATOR`: see `token::SEPARATOR`.
fn separator(value: sp::ValueWithSpan) -> Result<Expr> {
    let at = token::place(value.span.start);
    match value.value {
        sp::Value::Placeholder(text) if text.starts_with(token::SEPARATOR) => {
            Ok(Expr::Literal(Value::Text(Cow::Owned(text[token::SEPARATOR.len_utf8()..].to_owned()))))
        }
        _ => Err(unsupported("LIMIT among a function's arguments", at)),
    }
}

fn comparison(op: &BinaryOperator) -> Option<CompareOp> {
    Some(match op {
        BinaryOperator::Eq => CompareOp::Eq,
        BinaryOperator::NotEq => CompareOp::Ne,
        BinaryOperator::Lt => CompareOp::Lt,
        BinaryOperator::LtEq => CompareOp::Le,
        BinaryOperator::Gt => CompareOp::Gt,
        BinaryOperator::GtEq => CompareOp::Ge,
        _ => return None,
    })
}

fn arithmetic(op: &BinaryOperator) -> Option<ArithmeticOp> {
    Some(match op {
        BinaryOperator::Plus => ArithmeticOp::Add,
        BinaryOperator::Minus => ArithmeticOp::Subtract,
        BinaryOperator::Multiply => ArithmeticOp::Multiply,
        BinaryOperator::Divide => ArithmeticOp::Divide,
        BinaryOperator::Modulo => ArithmeticOp::Modulo,
        BinaryOperator::BitwiseAnd => ArithmeticOp::BitAnd,
        BinaryOperator::BitwiseOr => ArithmeticOp::BitOr,
        BinaryOperator::BitwiseXor => ArithmeticOp::BitXor,
        _ => return None,
    })
}

/// A name as the crate has it. It takes text literals for names in places: we do not.
pub(super) fn ident(name: sp::Ident) -> Result<Ident> {
    let at = token::place(name.span.start);
    if name.quote_style == Some('\'') {
        return Err(Error::new(ErrorKind::Syntax, format!("expected a name, found the text '{}'", name.value)).at(at));
    }
    Ok(Ident { name: name.value, place: at })
}

/// `a.b`, or `s.a.b` with a schema.
fn column(names: Vec<sp::Ident>) -> Result<Expr> {
    let mut names = names.into_iter().map(ident).collect::<Result<Vec<_>>>()?.into_iter();
    let (first, second, third, more) = (names.next(), names.next(), names.next(), names.next());
    match (first, second, third, more) {
        (Some(name), None, ..) => Ok(Expr::Column { table: None, name }),
        (Some(table), Some(name), None, _) => Ok(Expr::Column { table: Some(table), name }),
        (Some(schema), Some(table), Some(name), None) => {
            query::known_schema(&schema)?;
            Ok(Expr::Column { table: Some(Ident { place: schema.place, ..table }), name })
        }
        (first, ..) => Err(unsupported("a name of more than three parts", first.map_or(Place::default(), |first| first.place))),
    }
}

/// Where an expression begins, as far as the crate knows it.
pub(super) fn place(expr: &sp::Expr) -> Place {
    let mut expr = expr;
    // Down the left side, which may be as long as the expression.
    loop {
        expr = match expr {
            sp::Expr::Identifier(name) => return token::place(name.span.start),
            sp::Expr::CompoundIdentifier(names) => {
                return names.first().map_or(Place::default(), |name| token::place(name.span.start));
            }
            sp::Expr::Value(value) => return token::place(value.span.start),
            sp::Expr::Case { case_token, .. } => return token::place(case_token.0.span.start),
            sp::Expr::Function(function) => match function.name.0.first() {
                Some(sp::ObjectNamePart::Identifier(name)) => return token::place(name.span.start),
                _ => return Place::default(),
            },
            sp::Expr::BinaryOp { left, .. } | sp::Expr::AnyOp { left, .. } | sp::Expr::AllOp { left, .. } => left,
            sp::Expr::UnaryOp { expr, .. }
            | sp::Expr::Nested(expr)
            | sp::Expr::Cast { expr, .. }
            | sp::Expr::Collate { expr, .. } => expr,
            sp::Expr::InList { expr, .. }
            | sp::Expr::InSubquery { expr, .. }
            | sp::Expr::Between { expr, .. }
            | sp::Expr::Like { expr, .. } => expr,
            sp::Expr::ILike { expr, .. }
            | sp::Expr::SimilarTo { expr, .. }
            | sp::Expr::RLike { expr, .. }
            | sp::Expr::Substring { expr, .. } => expr,
            sp::Expr::IsNull(expr)
            | sp::Expr::IsNotNull(expr)
            | sp::Expr::IsTrue(expr)
            | sp::Expr::IsNotTrue(expr)
            | sp::Expr::IsFalse(expr) => expr,
            sp::Expr::IsNotFalse(expr) | sp::Expr::IsUnknown(expr) | sp::Expr::IsNotUnknown(expr) => expr,
            sp::Expr::IsDistinctFrom(expr, _)
            | sp::Expr::IsNotDistinctFrom(expr, _)
            | sp::Expr::AtTimeZone { timestamp: expr, .. } => expr,
            sp::Expr::Tuple(exprs) => match exprs.first() {
                Some(expr) => expr,
                None => return Place::default(),
            },
            _ => return Place::default(),
        };
    }
}

/// What an expression that we do not have is called.
fn kind_of(expr: &sp::Expr) -> String {
    match expr {
        sp::Expr::Collate { .. } => "COLLATE",
        sp::Expr::AtTimeZone { .. } => "AT TIME ZONE",
        sp::Expr::AnyOp { is_some: true, .. } => "SOME",
        sp::Expr::AnyOp { .. } => "ANY",
        sp::Expr::AllOp { .. } => "ALL in an expression",
        sp::Expr::SimilarTo { .. } => "SIMILAR TO",
        sp::Expr::RLike { .. } => "REGEXP",
        sp::Expr::GroupingSets(_) => "GROUPING SETS",
        sp::Expr::Cube(_) => "CUBE",
        sp::Expr::Rollup(_) => "ROLLUP",
        sp::Expr::CompoundFieldAccess { .. } | sp::Expr::JsonAccess { .. } => "a path into a value",
        sp::Expr::Wildcard(_) | sp::Expr::QualifiedWildcard(..) => "* here",
        sp::Expr::IsNormalized { .. } => "IS NORMALIZED",
        sp::Expr::Cast { .. } => "this form of CAST",
        _ => "this form of an expression",
    }
    .to_owned()
}

//! The crate's queries, taken apart into ours. Every clause that it knows is named here: what we do not have is refused, and a new one does not compile.

use sqlparser::ast as sp;

use super::ast::{Cte, Expr, Ident, JoinKind, JoinOn, Query, QueryBody, Select, SelectItem, SetOp, TableAlias, TableRef};
use super::cursor::unsupported;
use super::expr::{Lowering, ident, place};
use super::token;
use crate::error::{Error, ErrorKind, Place, Result};
use crate::types::Value;

impl Lowering {
    pub(super) fn query(&mut self, query: sp::Query) -> Result<Query> {
        self.deeper(Place::default(), |lowering| lowering.query_by_clauses(query))
    }

    fn query_by_clauses(&mut self, query: sp::Query) -> Result<Query> {
        let sp::Query { with, body, order_by, limit_clause, fetch, locks, for_clause, settings, format_clause, pipe_operators } =
            query;
        let at = body_place(&body);
        refuse(
            at,
            &[
                (!locks.is_empty() || for_clause.is_some(), "FOR UPDATE"),
                (settings.is_some() || format_clause.is_some() || !pipe_operators.is_empty(), "this clause of a query"),
            ],
        )?;
        let with = with.map(|with| self.with(with)).transpose()?.unwrap_or_default();
        let body = self.body(*body)?;
        let order = match order_by {
            None => Vec::new(),
            Some(sp::OrderBy { kind: sp::OrderByKind::Expressions(keys), interpolate: None }) => self.order_keys(keys)?,
            Some(_) => return Err(unsupported("ORDER BY ALL", at)),
        };
        let (limit, offset) = self.limit(limit_clause, fetch, at)?;
        Ok(Query { with, body, order, limit, offset })
    }

    fn with(&mut self, with: sp::With) -> Result<Vec<Cte>> {
        let sp::With { with_token, recursive, cte_tables } = with;
        refuse(token::place(with_token.0.span.start), &[(recursive, "WITH RECURSIVE")])?;
        let ctes = cte_tables.into_iter().map(|cte| {
            let sp::Cte { alias, query, from, materialized, closing_paren_token: _ } = cte;
            let TableAlias { name, columns } = alias_of(alias)?;
            refuse(name.place, &[(from.is_some() || materialized.is_some(), "this clause of WITH")])?;
            Ok(Cte { name, columns, query: Box::new(self.query(*query)?) })
        });
        ctes.collect()
    }

    fn limit(
        &mut self,
        clause: Option<sp::LimitClause>,
        fetch: Option<sp::Fetch>,
        at: Place,
    ) -> Result<(Option<Expr>, Option<Expr>)> {
        let (limit, offset) = match clause {
            None => (None, None),
            Some(sp::LimitClause::OffsetCommaLimit { offset, limit }) => (Some(limit), Some(offset)),
            Some(sp::LimitClause::LimitOffset { limit, offset, limit_by }) => {
                refuse(at, &[(!limit_by.is_empty(), "LIMIT .. BY")])?;
                (limit, offset.map(|offset| offset.value))
            }
        };
        let mut limit = limit.map(|limit| self.expr(limit)).transpose()?;
        let offset = offset.map(|offset| self.expr(offset)).transpose()?;
        if let Some(sp::Fetch { with_ties, percent, quantity }) = fetch {
            refuse(at, &[(with_ties, "FETCH .. WITH TIES"), (percent, "FETCH .. PERCENT")])?;
            if limit.is_some() {
                return Err(Error::new(ErrorKind::Syntax, "a query has a LIMIT or a FETCH, not both").at(at));
            }
            limit = Some(match quantity {
                Some(quantity) => self.expr(quantity)?,
                None => Expr::Literal(Value::Int(1)),
            });
        }
        Ok((limit, offset))
    }

    /// A chain of set operators leans to the left: it is taken apart and built again without recursion.
    fn body(&mut self, body: sp::SetExpr) -> Result<QueryBody> {
        let mut rights = Vec::new();
        let mut first = body;
        while let sp::SetExpr::SetOperation { left, op, set_quantifier, right } = first {
            rights.push((op, set_quantifier, *right));
            first = *left;
        }
        let mut left = self.body_part(first)?;
        while let Some((op, quantifier, right)) = rights.pop() {
            let at = body_place(&right);
            let all = match quantifier {
                sp::SetQuantifier::All => true,
                sp::SetQuantifier::None | sp::SetQuantifier::Distinct => false,
                _ => return Err(unsupported("BY NAME", at)),
            };
            let op = match op {
                sp::SetOperator::Union => SetOp::Union,
                sp::SetOperator::Intersect => SetOp::Intersect,
                sp::SetOperator::Except | sp::SetOperator::Minus => SetOp::Except,
            };
            let right = self.deeper(at, |lowering| lowering.body(right))?;
            left = QueryBody::SetOp { op, all, left: Box::new(left), right: Box::new(right) };
        }
        Ok(left)
    }

    fn body_part(&mut self, body: sp::SetExpr) -> Result<QueryBody> {
        match body {
            sp::SetExpr::Select(select) => Ok(QueryBody::Select(Box::new(self.select(*select)?))),
            sp::SetExpr::Query(query) => Ok(QueryBody::Nested(Box::new(self.query(*query)?))),
            sp::SetExpr::Values(sp::Values { explicit_row: _, value_keyword: _, rows }) => {
                let rows = rows.into_iter().map(|row| self.exprs(row.content));
                rows.collect::<Result<Vec<_>>>().map(QueryBody::Values)
            }
            _ => Err(unsupported("a statement that changes rows inside of a query", Place::default())),
        }
    }

    fn select(&mut self, select: sp::Select) -> Result<Select> {
        let sp::Select {
            select_token,
            optimizer_hints: _,
            distinct,
            select_modifiers,
            top,
            top_before_distinct: _,
            projection,
            exclude,
            into,
            from,
            lateral_views,
            prewhere,
            selection,
            connect_by,
            group_by,
            cluster_by,
            distribute_by,
            sort_by,
            having,
            named_window,
            qualify,
            window_before_qualify: _,
            value_table_mode,
            flavor,
        } = select;
        let at = token::place(select_token.0.span.start);
        let by = !cluster_by.is_empty() || !distribute_by.is_empty() || !sort_by.is_empty() || !connect_by.is_empty();
        let other = select_modifiers.is_some()
            || top.is_some()
            || exclude.is_some()
            || prewhere.is_some()
            || value_table_mode.is_some()
            || by;
        refuse(
            at,
            &[
                (into.is_some(), "SELECT .. INTO"),
                (!named_window.is_empty(), "WINDOW"),
                (qualify.is_some(), "QUALIFY"),
                (!lateral_views.is_empty(), "LATERAL VIEW"),
                (other || !matches!(flavor, sp::SelectFlavor::Standard), "this clause of SELECT"),
            ],
        )?;
        let distinct = match distinct {
            None | Some(sp::Distinct::All) => false,
            Some(sp::Distinct::Distinct) => true,
            Some(sp::Distinct::On(_)) => return Err(unsupported("DISTINCT ON", at)),
        };
        let items = projection.into_iter().map(|item| self.select_item(item)).collect::<Result<Vec<_>>>()?;
        let from = from.into_iter().map(|table| self.table_with_joins(table)).collect::<Result<Vec<_>>>()?;
        let filter = selection.map(|filter| self.expr(filter)).transpose()?;
        let group = self.group(group_by, at)?;
        let having = having.map(|having| self.expr(having)).transpose()?;
        Ok(Select { distinct, items, from, filter, group, having })
    }

    fn group(&mut self, group: sp::GroupByExpr, at: Place) -> Result<Vec<Expr>> {
        let sp::GroupByExpr::Expressions(exprs, modifiers) = group else {
            return Err(unsupported("GROUP BY ALL", at));
        };
        refuse(at, &[(!modifiers.is_empty(), "this form of GROUP BY")])?;
        let exprs = self.exprs(exprs)?;
        for expr in &exprs {
            if let Expr::Call(call) = expr
                && ["rollup", "cube"].iter().any(|name| call.name.name.eq_ignore_ascii_case(name))
            {
                return Err(unsupported(&format!("GROUP BY {}", call.name.name.to_ascii_uppercase()), call.name.place));
            }
        }
        Ok(exprs)
    }

    pub(super) fn select_item(&mut self, item: sp::SelectItem) -> Result<SelectItem> {
        match item {
            sp::SelectItem::UnnamedExpr(expr) => Ok(SelectItem::Expr { expr: self.expr(expr)?, alias: None }),
            sp::SelectItem::ExprWithAlias { expr, alias } => {
                Ok(SelectItem::Expr { expr: self.expr(expr)?, alias: Some(ident(alias)?) })
            }
            sp::SelectItem::Wildcard(options) => all(options).map(SelectItem::All),
            sp::SelectItem::QualifiedWildcard(sp::SelectItemQualifiedWildcardKind::ObjectName(name), options) => {
                let star = all(options)?;
                object_name(name).map(|name| SelectItem::AllOf(name, star))
            }
            sp::SelectItem::QualifiedWildcard(sp::SelectItemQualifiedWildcardKind::Expr(expr), _)
            | sp::SelectItem::ExprWithAliases { expr, .. } => Err(unsupported("this form of a column", place(&expr))),
        }
    }

    // --- Tables

    pub(super) fn table_with_joins(&mut self, table: sp::TableWithJoins) -> Result<TableRef> {
        let sp::TableWithJoins { relation, joins } = table;
        // Joins lean to the left: the first table stands as deep as there are joins.
        self.deeper_by(joins.len() + 1, |lowering| {
            let first = lowering.table(relation)?;
            joins.into_iter().try_fold(first, |left, join| lowering.join(left, join))
        })
    }

    fn join(&mut self, left: TableRef, join: sp::Join) -> Result<TableRef> {
        let sp::Join { relation, global, join_operator } = join;
        use sp::JoinOperator as J;
        let right = self.table(relation)?;
        let (kind, constraint) = match join_operator {
            J::Join(on) | J::Inner(on) | J::CrossJoin(on) if !global => (JoinKind::Inner, on),
            J::Left(on) | J::LeftOuter(on) => (JoinKind::Left, on),
            J::Right(on) | J::RightOuter(on) => (JoinKind::Right, on),
            J::FullOuter(on) => (JoinKind::Full, on),
            _ => return Err(unsupported("this kind of join", table_place(&right))),
        };
        let on = match constraint {
            sp::JoinConstraint::None if kind == JoinKind::Inner => JoinOn::Nothing,
            sp::JoinConstraint::None => {
                return Err(
                    Error::new(ErrorKind::Syntax, "expected ON or USING behind an outer join's table").at(table_place(&right))
                );
            }
            sp::JoinConstraint::On(expr) => JoinOn::On(Box::new(self.expr(expr)?)),
            sp::JoinConstraint::Using(names) => JoinOn::Using(names.into_iter().map(object_name).collect::<Result<_>>()?),
            sp::JoinConstraint::Natural => JoinOn::Natural,
        };
        Ok(TableRef::Join { kind, left: Box::new(left), right: Box::new(right), on })
    }

    fn table(&mut self, table: sp::TableFactor) -> Result<TableRef> {
        match table {
            sp::TableFactor::Table {
                name,
                alias,
                args,
                with_hints,
                version,
                with_ordinality,
                partitions,
                json_path,
                sample,
                index_hints,
            } => {
                let (name, own_alias) = table_name(name)?;
                let other = !with_hints.is_empty()
                    || version.is_some()
                    || with_ordinality
                    || !partitions.is_empty()
                    || json_path.is_some()
                    || !index_hints.is_empty();
                refuse(
                    name.place,
                    &[
                        (args.is_some(), "a function as a table"),
                        (sample.is_some(), "TABLESAMPLE"),
                        (other, "this clause behind a table's name"),
                    ],
                )?;
                let alias = alias.map(alias_of).transpose()?.or(own_alias);
                Ok(TableRef::Table { name, alias })
            }
            sp::TableFactor::Derived { lateral, subquery, alias, sample } => {
                let alias = alias.map(alias_of).transpose()?;
                let at = alias.as_ref().map_or(body_place(&subquery.body), |alias| alias.name.place);
                refuse(at, &[(lateral, "LATERAL"), (sample.is_some(), "TABLESAMPLE")])?;
                Ok(TableRef::Derived { query: Box::new(self.query(*subquery)?), alias })
            }
            sp::TableFactor::NestedJoin { table_with_joins, alias: None } => self.table_with_joins(*table_with_joins),
            sp::TableFactor::NestedJoin { alias: Some(alias), .. } => {
                Err(unsupported("a name for a join in parentheses", token::place(alias.name.span.start)))
            }
            sp::TableFactor::Function { lateral: true, name, .. } => Err(unsupported("LATERAL", object_name(name)?.place)),
            _ => Err(unsupported("this kind of table", Place::default())),
        }
    }
}

/// Refuses the first of these clauses that is there.
fn refuse(at: Place, clauses: &[(bool, &str)]) -> Result<()> {
    match clauses.iter().find(|(is_there, _)| *is_there) {
        Some((_, what)) => Err(unsupported(what, at)),
        None => Ok(()),
    }
}

/// Where `*` stands, if nothing stands behind it.
fn all(options: sp::WildcardAdditionalOptions) -> Result<Place> {
    let sp::WildcardAdditionalOptions { wildcard_token, opt_ilike, opt_exclude, opt_except, opt_replace, opt_rename, opt_alias } =
        options;
    let at = token::place(wildcard_token.0.span.start);
    let other = opt_ilike.is_some()
        || opt_exclude.is_some()
        || opt_except.is_some()
        || opt_replace.is_some()
        || opt_rename.is_some()
        || opt_alias.is_some();
    refuse(at, &[(other, "a clause behind *")])?;
    Ok(at)
}

fn alias_of(alias: sp::TableAlias) -> Result<TableAlias> {
    let sp::TableAlias { explicit: _, name, columns, at } = alias;
    let name = ident(name)?;
    refuse(name.place, &[(at.is_some(), "AT behind a table's name")])?;
    let columns = columns.into_iter().map(|sp::TableAliasColumnDef { name, data_type }| {
        let name = ident(name)?;
        refuse(name.place, &[(data_type.is_some(), "a type in a list of names")])?;
        Ok(name)
    });
    Ok(TableAlias { name, columns: columns.collect::<Result<_>>()? })
}

fn body_place(body: &sp::SetExpr) -> Place {
    match body {
        sp::SetExpr::Select(select) => token::place(select.select_token.0.span.start),
        sp::SetExpr::Values(values) => {
            values.rows.first().map_or(Place::default(), |row| token::place(row.opening_token.0.span.start))
        }
        _ => Place::default(),
    }
}

fn table_place(table: &TableRef) -> Place {
    match table {
        TableRef::Table { name, .. } => name.place,
        TableRef::Derived { alias: Some(alias), .. } => alias.name.place,
        _ => Place::default(),
    }
}

// --- Names of objects

/// A name of one part, or of two of which the first is a known schema.
pub(super) fn object_name(name: sp::ObjectName) -> Result<Ident> {
    let mut parts = Vec::with_capacity(name.0.len());
    for part in name.0 {
        match part {
            sp::ObjectNamePart::Identifier(name) => parts.push(ident(name)?),
            sp::ObjectNamePart::Function(_) => return Err(unsupported("a function as a name", Place::default())),
        }
    }
    let mut parts = parts.into_iter();
    match (parts.next(), parts.next(), parts.next()) {
        (Some(name), None, _) => Ok(name),
        (Some(schema), Some(name), None) => in_schema(schema, name),
        (first, ..) => Err(unsupported("a name of more than two parts", first.map_or(Place::default(), |first| first.place))),
    }
}

/// A table's name, and what it is called by if the schema INFORMATION_SCHEMA stands before it.
fn table_name(name: sp::ObjectName) -> Result<(Ident, Option<TableAlias>)> {
    let own = match name.0.as_slice() {
        [_, sp::ObjectNamePart::Identifier(own)] => Some(ident(own.clone())?),
        _ => None,
    };
    let name = object_name(name)?;
    let own_alias = own.filter(|own| own.name != name.name).map(|name| TableAlias { name, columns: Vec::new() });
    Ok((name, own_alias))
}

/// `PUBLIC.t` is `t`; `INFORMATION_SCHEMA.t` is the table `information_schema.t`. There are no other schemas.
pub(super) fn in_schema(schema: Ident, name: Ident) -> Result<Ident> {
    known_schema(&schema)?;
    if schema.name.eq_ignore_ascii_case("information_schema") {
        return Ok(Ident { name: format!("information_schema.{}", name.name.to_ascii_lowercase()), place: schema.place });
    }
    Ok(Ident { place: schema.place, ..name })
}

/// An error unless there is a schema with this name.
pub(super) fn known_schema(schema: &Ident) -> Result<()> {
    if ["public", "information_schema"].iter().any(|known| schema.name.eq_ignore_ascii_case(known)) {
        return Ok(());
    }
    let message = format!("there is no schema {}: tables stand in PUBLIC and INFORMATION_SCHEMA", schema.name);
    Err(Error::new(ErrorKind::Name, message).with_state("3F000").at(schema.place))
}

//! One SELECT.
//!
//! ```text
//!   FROM ─ WHERE ─ GROUP BY ─ HAVING ─ items ─ DISTINCT ─ ORDER BY ─ LIMIT
//! ```
//!
//! Items that ORDER BY does not read are computed above LIMIT, for the rows that are left.

use super::call::sort_key_of;
use super::group::Grouping;
use super::node::{Node, OutColumn, Slot, Sort, SortKey};
use super::query::{Window, filter, project};
use super::scalar::{AggregateCall, Scalar};
use super::scope::{Aggregates, Level, ScopeColumn};
use super::walk::same;
use super::{Planned, Planner, Typed, name_error, type_error};
use crate::error::{Error, ErrorKind, Place, Result};
use crate::parse::ast::{Expr, OrderKey, Select, SelectItem};
use crate::types::Value;

/// A column of the result, before it has a slot.
pub(super) struct Item {
    pub(super) name: String,
    pub(super) typed: Typed,
}

impl<'a> Planner<'a> {
    /// A SELECT with what stands behind it.
    pub(super) fn select(&mut self, select: &'a Select, window: &Window<'a>) -> Result<Planned> {
        self.count_operators(1)?;
        let from = self.from(&select.from)?;
        let mut node = from.node;
        let keyed = from.keyed;
        self.levels.push(Level::new(from.columns, "in WHERE"));
        if let Some(condition) = &select.filter {
            let all = self.conjuncts(condition, "WHERE")?;
            node = filter(node, all);
        }
        let inputs = self.level().slots();

        self.level().aliases = &select.items;
        self.level().aggregates = Aggregates::Refused("in GROUP BY");
        let group = self.group_exprs(select)?;

        self.level().aliases = &[];
        self.level().aggregates = Aggregates::Collected(Vec::new());
        let mut items = self.items(&select.items)?;

        self.level().aliases = &select.items;
        let having = select.having.as_ref().map(|having| self.conjuncts(having, "HAVING")).transpose()?;
        let mut keys = self.order_keys(window.order, &items)?;

        let level = self.levels.pop().expect("it was pushed above");
        let calls = match level.aggregates {
            Aggregates::Collected(calls) => calls,
            Aggregates::Refused(_) => Vec::new(),
        };
        if !group.is_empty() || !calls.is_empty() || having.is_some() {
            let grouping = self.grouping(group, inputs, keyed);
            node = self.grouped(node, grouping, calls, having, &mut items, &mut keys)?;
        }
        self.finish_select(node, items, keys, select.distinct, window)
    }

    fn level(&mut self) -> &mut Level<'a> {
        self.levels.last_mut().expect("a SELECT has pushed its level")
    }

    /// The groups, what HAVING leaves of them, and everything above over keys and aggregates.
    fn grouped(
        &mut self,
        node: Node,
        mut grouping: Grouping,
        calls: Vec<AggregateCall>,
        having: Option<Vec<Scalar>>,
        items: &mut [Item],
        keys: &mut [SortKey],
    ) -> Result<Node> {
        for item in items {
            self.regroup(&mut item.typed.scalar, &mut grouping)?;
        }
        for key in keys {
            self.regroup(&mut key.expr, &mut grouping)?;
        }
        let mut having = having.unwrap_or_default();
        for condition in &mut having {
            self.regroup(condition, &mut grouping)?;
        }
        Ok(filter(grouping.over(node, calls), having))
    }

    fn group_exprs(&mut self, select: &'a Select) -> Result<Vec<Typed>> {
        let mut group = Vec::with_capacity(select.group.len());
        for expr in &select.group {
            if let Some(number) = ordinal(expr) {
                let refused = std::mem::take(&mut self.level().aliases);
                group.push(self.expr(item_at(&select.items, number)?)?);
                self.level().aliases = refused;
            } else {
                group.push(self.expr(expr)?);
            }
        }
        Ok(group)
    }

    /// The columns of the result; `*` stands for those of FROM.
    pub(super) fn items(&mut self, written: &'a [SelectItem]) -> Result<Vec<Item>> {
        let mut items = Vec::with_capacity(written.len());
        for item in written {
            match item {
                SelectItem::Expr { expr, alias } => {
                    let name = alias.as_ref().map_or_else(|| name_of(expr), |alias| alias.name.clone());
                    items.push(Item { name, typed: self.expr(expr)? });
                }
                SelectItem::All(place) => {
                    let columns: Vec<ScopeColumn> =
                        self.level().columns.iter().filter(|column| !column.hidden).cloned().collect();
                    if columns.is_empty() {
                        return Err(type_error(*place, "* stands for no column: there is no FROM"));
                    }
                    self.add_columns(&mut items, columns, *place);
                }
                SelectItem::AllOf(table) => {
                    let is_of =
                        |column: &&ScopeColumn| column.table.as_deref().is_some_and(|of| of.eq_ignore_ascii_case(&table.name));
                    let columns: Vec<ScopeColumn> = self.level().columns.iter().filter(is_of).cloned().collect();
                    if columns.is_empty() {
                        let message = format!("there is no table {} in FROM", table.name);
                        return Err(name_error(table, message).with_state("42P01"));
                    }
                    self.add_columns(&mut items, columns, table.place);
                }
            }
        }
        Ok(items)
    }

    fn add_columns(&mut self, items: &mut Vec<Item>, columns: Vec<ScopeColumn>, place: Place) {
        for column in columns {
            self.state.uses.push((column.slot, place));
            items.push(Item { name: column.name, typed: self.of_slot(column.slot) });
        }
    }

    /// ORDER BY: a number means a column of the result, a name first such a column, anything else is an expression over FROM.
    fn order_keys(&mut self, order: &'a [OrderKey], items: &[Item]) -> Result<Vec<SortKey>> {
        let mut keys = Vec::with_capacity(order.len());
        for key in order {
            let expr = match &key.expr {
                expr if let Some(number) = ordinal(expr) => out_at(items, number, "ORDER BY")?.typed.scalar.clone(),
                Expr::Column { table: None, name } if let Some(item) = named_item(items, &name.name) => {
                    if items.iter().any(|other| is_named(other, &name.name) && !same(&other.typed.scalar, &item.typed.scalar)) {
                        let message = format!("ORDER BY {} is ambiguous", name.name);
                        return Err(name_error(name, message).with_state("42702"));
                    }
                    item.typed.scalar.clone()
                }
                expr => self.expr(expr)?.scalar,
            };
            keys.push(sort_key_of(key, expr));
        }
        Ok(keys)
    }

    /// Items, DISTINCT, ORDER BY and LIMIT over the rows of FROM or the groups.
    fn finish_select(
        &mut self,
        mut node: Node,
        items: Vec<Item>,
        mut keys: Vec<SortKey>,
        distinct: bool,
        window: &Window<'a>,
    ) -> Result<Planned> {
        let mut columns = Vec::with_capacity(items.len());
        let mut computed: Vec<(Slot, Scalar)> = Vec::new();
        for Item { name, typed } in items {
            let slot = match typed.scalar {
                Scalar::Slot(slot) => slot,
                scalar => {
                    let slot = self.slot(name.as_str(), typed.data_type);
                    computed.push((slot, scalar));
                    slot
                }
            };
            columns.push(OutColumn { name, data_type: typed.data_type, slot });
        }
        // A key that is an item reads its slot; such an item is computed before the sort.
        let mut is_below = vec![distinct; computed.len()];
        for key in &mut keys {
            if let Some(at) = computed.iter().position(|(_, scalar)| is_item(scalar, &key.expr)) {
                key.expr = Scalar::Slot(computed[at].0);
                is_below[at] = true;
            }
        }
        let mut is_below = is_below.into_iter();
        let (below, above): (Vec<_>, Vec<_>) = computed.into_iter().partition(|_| is_below.next().expect("one a computed item"));
        project(&mut node, below);
        if distinct {
            let on: Vec<Slot> = columns.iter().map(|column| column.slot).collect();
            if keys.iter().any(|key| !super::scope::is_slot_of(&key.expr, &on)) {
                let message = "with DISTINCT, ORDER BY can name only columns of the result";
                return Err(Error::new(ErrorKind::Name, message).with_state("42P10"));
            }
            node = Node::Distinct { input: Box::new(node), on };
        }
        if !keys.is_empty() {
            let mut keep: super::walk::Slots = columns.iter().map(|column| column.slot).collect();
            above.iter().for_each(|(_, scalar)| scalar.add_reads(&mut keep));
            node = sort(node, keys, keep);
        }
        node = self.limit(node, window)?;
        project(&mut node, above);
        Ok(Planned { node, columns })
    }
}

/// The rows of `input` in the order of these keys; the slots of `keep` that it has are kept.
pub(super) fn sort(input: Node, keys: Vec<SortKey>, keep: super::walk::Slots) -> Node {
    let outputs = input.outputs();
    let mut keep: Vec<Slot> = keep.into_iter().filter(|slot| outputs.contains(slot)).collect();
    keep.sort_unstable();
    Node::Sort(Box::new(Sort { input, keys, keep, top: None }))
}

/// Whether a key of ORDER BY is this item; a subquery is taken by its number: the key is then a copy of the item.
fn is_item(item: &Scalar, key: &Scalar) -> bool {
    match (item.subquery(), key.subquery()) {
        (Some(item), Some(key)) => item.number == key.number,
        _ => same(item, key),
    }
}

/// A whole number that stands for a column of the result. One with a sign is a value as any other.
pub(super) fn ordinal(expr: &Expr) -> Option<i64> {
    match expr {
        Expr::Literal(Value::Int(number)) if *number >= 0 => Some(*number),
        _ => None,
    }
}

fn item_at(items: &[SelectItem], number: i64) -> Result<&Expr> {
    let at = usize::try_from(number - 1).ok();
    match at.and_then(|at| items.get(at)) {
        Some(SelectItem::Expr { expr, .. }) if items.iter().all(|item| matches!(item, SelectItem::Expr { .. })) => Ok(expr),
        _ => {
            Err(Error::new(ErrorKind::Name, format!("GROUP BY {number}: there is no such column of the result"))
                .with_state("42P10"))
        }
    }
}

fn out_at<'i>(items: &'i [Item], number: i64, what: &str) -> Result<&'i Item> {
    usize::try_from(number).ok().and_then(|number| items.get(number.checked_sub(1)?)).ok_or_else(|| {
        let message = format!("{what} {number}: the result has {} columns", items.len());
        Error::new(ErrorKind::Name, message).with_state("42P10")
    })
}

fn named_item<'i>(items: &'i [Item], name: &str) -> Option<&'i Item> {
    items.iter().find(|item| is_named(item, name))
}

fn is_named(item: &Item, name: &str) -> bool {
    item.name.eq_ignore_ascii_case(name)
}

/// The name of a column without an alias.
pub(super) fn name_of(expr: &Expr) -> String {
    match expr {
        Expr::Column { name, .. } => name.name.clone(),
        Expr::Call(call) => call.name.name.to_ascii_lowercase(),
        Expr::Cast { expr, .. } => name_of(expr),
        Expr::Case { .. } => "case".to_owned(),
        Expr::Exists { .. } => "exists".to_owned(),
        _ => "?column?".to_owned(),
    }
}

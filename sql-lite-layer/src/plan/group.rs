//! GROUP BY: what a grouped SELECT may read, and the operator that groups.

use super::Planner;
use super::node::{Aggregate, Node, Slot};
use super::scalar::{AggregateCall, Scalar};
use super::scope::{KeyedTable, is_slot_of};
use super::walk::{Slots, same};
use crate::error::{Error, ErrorKind, Result};

/// The keys of a grouped SELECT.
pub(super) struct Grouping {
    keys: Vec<(Slot, Scalar)>,
    /// Columns of FROM: above the groups only keys and aggregates can be read.
    inputs: Slots,
    keyed: Vec<KeyedTable>,
}

impl Planner<'_> {
    /// Groups by these, over these columns of FROM.
    pub(super) fn grouping(&mut self, exprs: Vec<super::Typed>, inputs: Slots, keyed: Vec<KeyedTable>) -> Grouping {
        let mut keys: Vec<(Slot, Scalar)> = Vec::with_capacity(exprs.len());
        for typed in exprs {
            if keys.iter().any(|(_, key)| same(key, &typed.scalar)) {
                continue;
            }
            let name = match typed.scalar {
                Scalar::Slot(slot) => self.slot_name(slot).to_owned(),
                _ => "key".to_owned(),
            };
            keys.push((self.slot(name, typed.data_type), typed.scalar));
        }
        Grouping { keys, inputs, keyed }
    }

    /// Lets an expression over the columns of FROM read keys instead.
    ///
    /// # Errors
    ///
    /// `Name` for a column that is no key and depends on none.
    pub(super) fn regroup(&mut self, scalar: &mut Scalar, grouping: &mut Grouping) -> Result<()> {
        if let Some((slot, _)) = grouping.keys.iter().find(|(_, key)| same(key, scalar)) {
            *scalar = Scalar::Slot(*slot);
            return Ok(());
        }
        if let Scalar::Slot(slot) = scalar
            && grouping.inputs.contains(slot)
        {
            *scalar = Scalar::Slot(self.dependent_key(*slot, grouping)?);
            return Ok(());
        }
        let mut result = Ok(());
        scalar.operands_mut(&mut |operand| {
            if result.is_ok() {
                result = self.regroup(operand, grouping);
            }
        });
        result?;
        if let Some(query) = scalar.subquery_mut() {
            // A column that the subquery gives as it is.
            for slot in &mut query.columns {
                let mut column = Scalar::Slot(*slot);
                self.regroup(&mut column, grouping)?;
                if let Scalar::Slot(key) = column {
                    *slot = key;
                }
            }
            self.regroup_node(&mut query.node, grouping)?;
        }
        Ok(())
    }

    fn regroup_node(&mut self, node: &mut Node, grouping: &mut Grouping) -> Result<()> {
        let mut result = Ok(());
        node.scalars_mut(&mut |scalar| {
            if result.is_ok() {
                result = self.regroup(scalar, grouping);
            }
        });
        node.inputs_mut(&mut |input| {
            if result.is_ok() {
                result = self.regroup_node(input, grouping);
            }
        });
        result
    }

    /// A column of a table whose whole primary key is among the keys: one more key, which parts no group.
    fn dependent_key(&mut self, slot: Slot, grouping: &mut Grouping) -> Result<Slot> {
        let depends = grouping.keyed.iter().any(|table| {
            table.columns.contains(&slot)
                && table.primary.iter().all(|primary| grouping.keys.iter().any(|(_, key)| is_slot_of(key, &[*primary])))
        });
        if !depends {
            let message = format!("column {} must stand in GROUP BY or in an aggregate", self.slot_name(slot));
            return Err(Error::new(ErrorKind::Name, message).with_state("42803").at(self.place_of_use(slot)));
        }
        let key = self.slot(self.slot_name(slot).to_owned(), self.slot_type(slot));
        grouping.keys.push((key, Scalar::Slot(slot)));
        Ok(key)
    }
}

impl Grouping {
    /// The operator.
    pub(super) fn over(self, input: Node, calls: Vec<AggregateCall>) -> Node {
        Node::Aggregate(Box::new(Aggregate { input, keys: self.keys, calls, in_order: false }))
    }
}

//! Plans as text, for EXPLAIN: one line an operator, its inputs indented below it, the subqueries of its expressions before them.
//!
//! ```text
//!   limit 10
//!     sort by t.name
//!       nested inner join
//!         scan t where t.x > 5 reads id, name, x
//!         scan u by primary key (id = t.id) reads id
//! ```
//!
//! The text depends on nothing but the plan: it is the same each time.

use std::collections::{BTreeMap, BTreeSet, HashMap};
use std::fmt::Write;
use std::sync::Arc;

use super::expr::arithmetic_sign;
use super::node::{Access, Action, Join, JoinKind, JoinMethod, KeyPart, Keys, Node, OnConflict, Plan, Scan, Slot, SortKey};
use super::scalar::{AggregateCall, Scalar, Subquery};
use crate::parse::ast::{CompareOp, SetOp};
use crate::types::Value;

/// The plan as text.
pub(crate) fn explain(plan: &Plan) -> String {
    explain_with(plan, &|_| None)
}

/// The plan as text, with a note at the end of each operator's line that has one: rows and time for EXPLAIN ANALYZE.
pub(crate) fn explain_with(plan: &Plan, note: &dyn Fn(&Node) -> Option<String>) -> String {
    let mut names = HashMap::new();
    match &plan.action {
        Action::Query(node) => name_slots(node, &mut names),
        Action::Insert(insert) => {
            name_slots(&insert.input, &mut names);
            name_row(&insert.table, &insert.new, "new", &mut names);
            if let OnConflict::Update { update, .. } = &insert.on_conflict {
                name_slots(&update.input, &mut names);
                name_row(&update.table, &update.new, "updated", &mut names);
            }
        }
        Action::Update(update) => {
            name_slots(&update.input, &mut names);
            name_row(&update.table, &update.new, "new", &mut names);
        }
        Action::Delete(delete) => name_slots(&delete.input, &mut names),
    }
    for column in &plan.columns {
        names.entry(column.slot).or_insert_with(|| column.name.clone());
    }
    let mut printer = Printer { names, note, text: String::new(), shared: BTreeMap::new() };
    printer.action(&plan.action);
    // A shared query may hold another that was not met before.
    let mut printed = BTreeSet::new();
    while let Some((number, node)) = printer.shared.iter().find(|(number, _)| !printed.contains(*number)) {
        let (number, node) = (*number, Arc::clone(node));
        printer.line(0, &format!("shared {number}"));
        printer.node(&node, 1);
        printed.insert(number);
    }
    printer.text
}

struct Printer<'p> {
    names: HashMap<Slot, String>,
    note: &'p dyn Fn(&Node) -> Option<String>,
    text: String,
    shared: BTreeMap<usize, Arc<Node>>,
}

impl Printer<'_> {
    fn line(&mut self, depth: usize, line: &str) {
        let _ = writeln!(self.text, "{:width$}{line}", "", width = depth * 2);
    }

    fn action(&mut self, action: &Action) {
        match action {
            Action::Query(node) => self.node(node, 0),
            Action::Insert(insert) => {
                let values = insert
                    .table
                    .visible()
                    .map(|at| format!("{} = {}", insert.table.columns[at].name, self.scalar(&insert.row[at])));
                let line = format!("insert into {} {}", insert.table.name, join(values));
                self.line(0, &line);
                self.subqueries(&mut insert.row.iter(), 1);
                match &insert.on_conflict {
                    OnConflict::Fail => {}
                    OnConflict::Nothing { .. } => self.line(1, "on conflict do nothing"),
                    OnConflict::Update { update, filter } => {
                        let line = format!("on conflict update {}{}", self.set(update), self.conditions(" where ", filter));
                        self.line(1, &line);
                        self.node(&update.input, 2);
                    }
                }
                self.node(&insert.input, 1);
            }
            Action::Update(update) => {
                let line = format!("update {} set {}", update.table.name, self.set(update));
                self.line(0, &line);
                self.subqueries(&mut update.set.iter().map(|(_, expr)| expr), 1);
                self.node(&update.input, 1);
            }
            Action::Delete(delete) => {
                self.line(0, &format!("delete from {}", delete.table.name));
                self.node(&delete.input, 1);
            }
        }
    }

    fn set(&self, update: &super::node::Update) -> String {
        join(update.set.iter().map(|(at, expr)| format!("{} = {}", update.table.columns[*at].name, self.scalar(expr))))
    }

    fn node(&mut self, node: &Node, depth: usize) {
        let mut line = self.head(node);
        if let Some(note) = (self.note)(node) {
            let _ = write!(line, "  ({note})");
        }
        self.line(depth, &line);
        if let Node::Shared { number, node, .. } = node {
            self.shared.entry(*number).or_insert_with(|| Arc::clone(node));
        }
        let mut scalars = Vec::new();
        node.scalars(&mut |scalar| scalars.push(scalar));
        self.subqueries(&mut scalars.into_iter(), depth + 1);
        let mut inputs = Vec::new();
        node.inputs(&mut |input| inputs.push(input));
        if matches!(node, Node::Join(join) if join.is_by_hash()) {
            inputs.remove(0); // The one row around it.
        }
        for input in inputs {
            self.node(input, depth + 1);
        }
    }

    fn subqueries(&mut self, scalars: &mut dyn Iterator<Item = &Scalar>, depth: usize) {
        for scalar in scalars {
            if let Some(query) = scalar.subquery() {
                self.subquery(query, depth);
            }
            let mut operands = Vec::new();
            scalar.operands(&mut |operand| operands.push(operand));
            self.subqueries(&mut operands.into_iter(), depth);
        }
    }

    fn subquery(&mut self, query: &Subquery, depth: usize) {
        let outer = match query.outer.is_empty() {
            true => String::new(),
            false => format!(" of {}", self.slots(&query.outer)),
        };
        self.line(depth, &format!("subquery {}{outer}: {}", query.number, self.slots(&query.columns)));
        self.node(&query.node, depth + 1);
    }

    fn head(&self, node: &Node) -> String {
        match node {
            Node::OneRow => "one row".to_owned(),
            Node::Nothing => "nothing".to_owned(),
            Node::Values { rows, out } => format!("values: {} rows of {}", rows.len(), self.slots(out)),
            Node::Scan(scan) => self.scan(scan),
            Node::Filter { all, .. } => self.conditions("filter ", all),
            Node::Project { exprs, .. } => {
                let exprs = exprs.iter().map(|(slot, expr)| format!("{} = {}", self.slot(*slot), self.scalar(expr)));
                format!("project {}", join(exprs))
            }
            Node::Join(join) => self.join(join),
            Node::Aggregate(aggregate) => {
                let mut line = String::from("aggregate");
                if !aggregate.keys.is_empty() {
                    let _ = write!(line, " by {}", join(aggregate.keys.iter().map(|(_, expr)| self.scalar(expr))));
                }
                if !aggregate.calls.is_empty() {
                    let _ = write!(line, ": {}", join(aggregate.calls.iter().map(|call| self.call(call))));
                }
                if aggregate.in_order {
                    line.push_str(" in order");
                }
                line
            }
            Node::Sort(sort) => {
                let mut line = format!("sort by {}", self.keys(&sort.keys));
                if let Some((limit, offset)) = &sort.top {
                    let limit = limit.as_ref().map_or_else(|| "all".to_owned(), |limit| self.scalar(limit));
                    let _ = write!(line, " top {limit}");
                    if let Some(offset) = offset {
                        let _ = write!(line, " + {}", self.scalar(offset));
                    }
                }
                line
            }
            Node::Distinct { on, .. } => format!("distinct on {}", self.slots(on)),
            Node::Limit { limit, offset, .. } => {
                let part = |word: &str, expr: &Option<Scalar>| {
                    expr.as_ref().map_or_else(String::new, |expr| format!(" {word} {}", self.scalar(expr)))
                };
                format!("{}{}", part("limit", limit).trim_start(), part("offset", offset))
            }
            Node::SetOp(set) => {
                let op = match set.op {
                    SetOp::Union => "union",
                    SetOp::Intersect => "intersect",
                    SetOp::Except => "except",
                };
                format!("{op}{}", if set.all { " all" } else { "" })
            }
            Node::Shared { number, .. } => format!("shared {number}"),
        }
    }

    fn scan(&self, scan: &Scan) -> String {
        let mut line = format!("scan {}", scan.table.name);
        if !scan.alias.eq_ignore_ascii_case(&scan.table.name) {
            let _ = write!(line, " as {}", scan.alias);
        }
        match &scan.access {
            Access::Full => {}
            Access::Primary(keys) => {
                let _ = write!(line, " by primary key{}", self.key(scan, &scan.table.primary, keys));
            }
            Access::Index { index, keys, only } => {
                let index = &scan.table.indexes[*index];
                let only = if *only { "only " } else { "" };
                let _ = write!(line, " by {only}index {}{}", index.name, self.key(scan, &index.columns, keys));
            }
        }
        if scan.reverse {
            line.push_str(" backwards");
        }
        line.push_str(&self.conditions(" where ", &scan.filter));
        if !scan.columns.is_empty() {
            let _ = write!(line, " reads {}", join(scan.columns.iter().map(|(at, _)| scan.table.columns[*at].name.clone())));
        }
        line
    }

    fn key(&self, scan: &Scan, columns: &[usize], keys: &Keys) -> String {
        let mut parts = Vec::new();
        let name = |nth: usize| columns.get(nth).map_or("?", |at| scan.table.columns[*at].name.as_str());
        for (nth, part) in keys.equal.iter().enumerate() {
            parts.push(match part {
                KeyPart::Equal(expr) => format!("{} = {}", name(nth), self.scalar(expr)),
                KeyPart::IsNull => format!("{} is null", name(nth)),
            });
        }
        let next = name(keys.equal.len());
        if let Some(any) = &keys.any {
            parts.push(format!("{next} in {}", self.list(any)));
        }
        if let Some((expr, included)) = &keys.lower {
            parts.push(format!("{next} {} {}", if *included { ">=" } else { ">" }, self.scalar(expr)));
        }
        if let Some((expr, included)) = &keys.upper {
            parts.push(format!("{next} {} {}", if *included { "<=" } else { "<" }, self.scalar(expr)));
        }
        match parts.is_empty() {
            true => String::new(),
            false => format!(" ({})", parts.join(", ")),
        }
    }

    fn join(&self, join: &Join) -> String {
        let kind = match join.kind {
            JoinKind::Inner => "inner",
            JoinKind::Left => "left",
            JoinKind::Full => "full",
            JoinKind::Semi => "semi",
            JoinKind::Anti => "anti",
        };
        match &join.method {
            JoinMethod::Nested => format!("nested {kind} join{}", self.conditions(" on ", &join.on)),
            JoinMethod::Hash { left, right } => {
                let pairs =
                    left.iter().zip(right).map(|(left, right)| if join.is_by_hash() { (right, left) } else { (left, right) });
                let pairs = pairs.map(|(left, right)| format!("{} = {}", self.scalar(left), self.scalar(right)));
                let pairs: Vec<String> = pairs.collect();
                if join.is_by_hash() {
                    return format!("by hash of ({})", pairs.join(", "));
                }
                let keys = if pairs.is_empty() { String::new() } else { format!(" on {}", pairs.join(" and ")) };
                let word = if pairs.is_empty() { " on " } else { " and " };
                format!("hash {kind} join{keys}{}", self.conditions(word, &join.on))
            }
        }
    }

    fn call(&self, call: &AggregateCall) -> String {
        let distinct = if call.distinct { "distinct " } else { "" };
        let args = if call.args.is_empty() { "*".to_owned() } else { join(call.args.iter().map(|arg| self.scalar(arg))) };
        let order = if call.order.is_empty() { String::new() } else { format!(" order by {}", self.keys(&call.order)) };
        let filter = call.filter.as_ref().map_or_else(String::new, |filter| format!(" filter ({})", self.scalar(filter)));
        format!("{}({distinct}{args}{order}){filter}", call.function.name())
    }

    fn keys(&self, keys: &[SortKey]) -> String {
        join(keys.iter().map(|key| {
            let mut text = self.scalar(&key.expr);
            if key.descending {
                text.push_str(" desc");
            }
            if key.nulls_first == key.descending {
                text.push_str(if key.nulls_first { " nulls first" } else { " nulls last" });
            }
            text
        }))
    }

    fn conditions(&self, word: &str, all: &[Scalar]) -> String {
        match all.is_empty() {
            true => String::new(),
            false => format!("{word}{}", all.iter().map(|scalar| self.operand(scalar)).collect::<Vec<_>>().join(" and ")),
        }
    }

    fn slot(&self, slot: Slot) -> String {
        self.names.get(&slot).cloned().unwrap_or_else(|| format!("#{}", slot.0))
    }

    fn slots(&self, slots: &[Slot]) -> String {
        join(slots.iter().map(|slot| self.slot(*slot)))
    }

    // --- Expressions

    fn scalar(&self, scalar: &Scalar) -> String {
        let not = |negated: &bool| if *negated { "not " } else { "" };
        match scalar {
            Scalar::Constant(value) => constant(value),
            Scalar::Parameter(number) => format!("?{}", number + 1),
            Scalar::Slot(slot) => self.slot(*slot),
            Scalar::Not(of) => format!("not {}", self.operand(of)),
            Scalar::Negate(of) => format!("-{}", self.operand(of)),
            Scalar::And(list) => self.chain(list, " and "),
            Scalar::Or(list) => self.chain(list, " or "),
            Scalar::Concat(list) => self.chain(list, " || "),
            Scalar::Sieve(list) => format!("sieve({})", self.chain(list, " and ")),
            Scalar::Compare { op, left, right } => format!("{} {} {}", self.operand(left), sign(*op), self.operand(right)),
            Scalar::Arithmetic { op, left, right } => {
                format!("{} {} {}", self.operand(left), arithmetic_sign(*op), self.operand(right))
            }
            Scalar::IsNull { of, negated } => format!("{} is {}null", self.operand(of), not(negated)),
            Scalar::IsTruth { of, truth, negated } => format!("{} is {}{truth}", self.operand(of), not(negated)),
            Scalar::IsDistinct { left, right, negated } => {
                format!("{} is {}distinct from {}", self.operand(left), not(negated), self.operand(right))
            }
            Scalar::Like { of, pattern, ignore_case, negated, .. } => {
                let word = if *ignore_case { "ilike" } else { "like" };
                format!("{} {}{word} {}", self.operand(of), not(negated), self.operand(pattern))
            }
            Scalar::InList { of, list, negated } => format!("{} {}in {}", self.operand(of), not(negated), self.list(list)),
            Scalar::Case { branches, otherwise } => {
                let mut text = String::from("case");
                for (when, then) in branches {
                    let _ = write!(text, " when {} then {}", self.scalar(when), self.scalar(then));
                }
                if let Some(otherwise) = otherwise {
                    let _ = write!(text, " else {}", self.scalar(otherwise));
                }
                text.push_str(" end");
                text
            }
            Scalar::Cast { of, to } => format!("cast({} as {to})", self.scalar(of)),
            Scalar::Once { of, .. } => self.scalar(of),
            Scalar::Call { function, args } => format!("{}({})", function.name(), join(args.iter().map(|arg| self.scalar(arg)))),
            Scalar::Subquery(query) => format!("(subquery {})", query.number),
            Scalar::Exists { query, negated } => format!("{}exists (subquery {})", not(negated), query.number),
            Scalar::InQuery { left, query, negated } => {
                let left = join(left.iter().map(|expr| self.scalar(expr)));
                format!("({left}) {}in (subquery {})", not(negated), query.number)
            }
        }
    }

    /// An expression inside another one: in parentheses unless it holds together by itself.
    fn operand(&self, scalar: &Scalar) -> String {
        match scalar {
            Scalar::And(_) | Scalar::Or(_) | Scalar::Concat(_) | Scalar::Not(_) | Scalar::Arithmetic { .. } => {
                format!("({})", self.scalar(scalar))
            }
            Scalar::Once { of, .. } => self.operand(of),
            _ => self.scalar(scalar),
        }
    }

    fn chain(&self, list: &[Scalar], word: &str) -> String {
        list.iter().map(|scalar| self.operand(scalar)).collect::<Vec<_>>().join(word)
    }

    /// A list in parentheses; of a long one only the beginning.
    fn list(&self, list: &[Scalar]) -> String {
        const SHOWN: usize = 8;
        let shown = join(list.iter().take(SHOWN).map(|scalar| self.scalar(scalar)));
        match list.len() > SHOWN {
            true => format!("({shown}, .. {} in all)", list.len()),
            false => format!("({shown})"),
        }
    }
}

/// Names for the slots of tables, groups and set operations.
fn name_slots(node: &Node, names: &mut HashMap<Slot, String>) {
    node.scalars(&mut |scalar| name_slots_in(scalar, names));
    node.inputs(&mut |input| name_slots(input, names));
    match node {
        Node::Scan(scan) => {
            for (at, slot) in &scan.columns {
                names.insert(*slot, format!("{}.{}", scan.alias, scan.table.columns[*at].name));
            }
            if let Some(key) = scan.key {
                names.insert(key, format!("{}.key", scan.alias));
            }
        }
        Node::Project { exprs, .. } => {
            for (slot, expr) in exprs {
                if let Scalar::Slot(from) = expr
                    && let Some(name) = names.get(from).cloned()
                {
                    names.insert(*slot, name);
                }
            }
        }
        Node::Aggregate(aggregate) => {
            for (slot, expr) in &aggregate.keys {
                if let Scalar::Slot(from) = expr
                    && let Some(name) = names.get(from).cloned()
                {
                    names.insert(*slot, name);
                }
            }
            for call in &aggregate.calls {
                let printer =
                    Printer { names: std::mem::take(names), note: &|_| None, text: String::new(), shared: BTreeMap::new() };
                let text = printer.call(call);
                *names = printer.names;
                names.insert(call.out, text);
            }
        }
        Node::SetOp(set) => {
            if let Some((_, slots)) = set.inputs.first() {
                name_as(&set.out, slots, names);
            }
        }
        Node::Shared { node, from, out, .. } => {
            // Once for all its uses.
            if !from.iter().all(|slot| names.contains_key(slot)) {
                name_slots(node, names);
                for slot in from {
                    names.entry(*slot).or_insert_with(|| format!("#{}", slot.0));
                }
            }
            name_as(out, from, names);
        }
        _ => {}
    }
}

fn name_as(slots: &[Slot], others: &[Slot], names: &mut HashMap<Slot, String>) {
    for (slot, other) in slots.iter().zip(others) {
        if let Some(name) = names.get(other).cloned() {
            names.insert(*slot, name);
        }
    }
}

fn name_slots_in(scalar: &Scalar, names: &mut HashMap<Slot, String>) {
    scalar.operands(&mut |operand| name_slots_in(operand, names));
    if let Some(query) = scalar.subquery() {
        name_slots(&query.node, names);
    }
}

fn name_row(table: &crate::table::schema::Table, slots: &[Slot], word: &str, names: &mut HashMap<Slot, String>) {
    for (column, slot) in table.columns.iter().zip(slots) {
        names.insert(*slot, format!("{word}.{}", column.name));
    }
}

fn join(parts: impl Iterator<Item = String>) -> String {
    parts.collect::<Vec<_>>().join(", ")
}

fn sign(op: CompareOp) -> &'static str {
    match op {
        CompareOp::Eq => "=",
        CompareOp::Ne => "<>",
        CompareOp::Lt => "<",
        CompareOp::Le => "<=",
        CompareOp::Gt => ">",
        CompareOp::Ge => ">=",
    }
}

/// A value as SQL writes it.
fn constant(value: &Value<'_>) -> String {
    match value {
        Value::Null => "NULL".to_owned(),
        Value::Text(text) => format!("'{}'", text.replace('\'', "''")),
        Value::Timestamp(_) | Value::Date(_) | Value::Uuid(_) => format!("'{value}'"),
        Value::Blob(bytes) => {
            let hex = bytes.iter().fold(String::new(), |mut hex, byte| {
                let _ = write!(hex, "{byte:02X}");
                hex
            });
            format!("X'{hex}'")
        }
        other => other.to_string(),
    }
}

//! Trees as short texts that a test can compare: every operator in parentheses, so that it shows what binds to what.

use super::super::ast::*;
use crate::types::Value;

fn joined<T>(items: &[T], show: impl Fn(&T) -> String) -> String {
    items.iter().map(show).collect::<Vec<_>>().join(", ")
}

fn names(names: &[Ident]) -> String {
    joined(names, |name| name.name.clone())
}

/// A clause that may be absent.
fn clause<T>(word: &str, of: Option<&T>, show: impl Fn(&T) -> String) -> String {
    of.map_or(String::new(), |of| format!(" {word} {}", show(of)))
}

fn list<T>(word: &str, items: &[T], show: impl Fn(&T) -> String) -> String {
    if items.is_empty() { String::new() } else { format!(" {word} {}", joined(items, show)) }
}

fn flag(is_set: bool, word: &str) -> String {
    if is_set { format!(" {word}") } else { String::new() }
}

pub(super) fn statement(statement: &Statement) -> String {
    match statement {
        Statement::Query(of) => query(of),
        Statement::Insert(insert) => self::insert(insert),
        Statement::Update(of) => update(of),
        Statement::Delete(of) => delete(of),
        Statement::CreateTable(table) => create_table(table),
        Statement::CreateView { name, columns, query: of, text, at: _, or_replace, if_not_exists } => format!(
            "create view{}{} {}({}) as {} text {text:?}",
            flag(*or_replace, "or-replace"),
            flag(*if_not_exists, "if-not-exists"),
            name.name,
            names(columns),
            query(of)
        ),
        Statement::AlterTable { table, if_exists, change } => {
            format!("alter{} {} {}", flag(*if_exists, "if-exists"), table.name, alter(change))
        }
        Statement::Drop { what, names: of, if_exists, cascade } => {
            format!("drop {what:?}{} {}{}", flag(*if_exists, "if-exists"), names(of), flag(*cascade, "cascade"))
        }
        Statement::Explain { analyze, statement: of } => format!("explain{} {}", flag(*analyze, "analyze"), self::statement(of)),
        other => small(other),
    }
}

fn small(statement: &Statement) -> String {
    match statement {
        Statement::Truncate { table } => format!("truncate {}", table.name),
        Statement::CreateIndex(of) => format!(
            "create{} index{}{} on {}({})",
            flag(of.unique, "unique"),
            flag(of.if_not_exists, "if-not-exists"),
            of.name.as_ref().map_or(String::new(), |name| format!(" {}", name.name)),
            of.table.name,
            names(&of.columns)
        ),
        Statement::AlterSequence { name, if_exists, restart } => {
            format!("alter sequence{} {} {restart:?}", flag(*if_exists, "if-exists"), name.name)
        }
        Statement::Script(script) => {
            let Script { data, to, compressed, only } = &**script;
            format!("script data={data} to={to:?} compressed={compressed} only({})", names(only))
        }
        Statement::CreateSequence { name, start, increment, if_not_exists } => {
            format!("create sequence{} {} {start:?} {increment:?}", flag(*if_not_exists, "if-not-exists"), name.name)
        }
        Statement::Comment { on: CommentOn::Table(table), text } => format!("comment {} {text:?}", table.name),
        Statement::Comment { on: CommentOn::Column(table, column), text } => {
            format!("comment {}.{} {text:?}", table.name, column.name)
        }
        Statement::Rollback { to } => format!("rollback{}", clause("to", to.as_ref(), |to| to.name.clone())),
        Statement::Savepoint { name } => format!("savepoint {}", name.name),
        Statement::Release { name } => format!("release {}", name.name),
        other => format!("{other:?}"),
    }
}

// --- Queries

fn query(of: &Query) -> String {
    let with = joined(&of.with, |cte| format!("{}({}) as ({})", cte.name.name, names(&cte.columns), query(&cte.query)));
    let with = if with.is_empty() { with } else { format!("with {with} ") };
    let order = list("order", &of.order, order_key);
    format!(
        "{with}{}{order}{}{}",
        body(&of.body),
        clause("limit", of.limit.as_ref(), expr),
        clause("offset", of.offset.as_ref(), expr)
    )
}

fn body(of: &QueryBody) -> String {
    match of {
        QueryBody::Select(of) => select(of),
        QueryBody::Values(rows) => format!("values {}", joined(rows, |row| format!("({})", joined(row, expr)))),
        QueryBody::Nested(of) => format!("({})", query(of)),
        QueryBody::SetOp { op, all, left, right } => {
            format!("[{} {}{} {}]", body(left), format!("{op:?}").to_lowercase(), flag(*all, "all"), body(right))
        }
    }
}

fn select(of: &Select) -> String {
    format!(
        "select{} {}{}{}{}{}",
        flag(of.distinct, "distinct"),
        joined(&of.items, item),
        list("from", &of.from, table),
        clause("where", of.filter.as_ref(), expr),
        list("group", &of.group, expr),
        clause("having", of.having.as_ref(), expr)
    )
}

fn item(of: &SelectItem) -> String {
    match of {
        SelectItem::Expr { expr: of, alias } => {
            format!("{}{}", expr(of), clause("as", alias.as_ref(), |alias| alias.name.clone()))
        }
        SelectItem::All(_) => "*".into(),
        SelectItem::AllOf(table, _) => format!("{}.*", table.name),
    }
}

fn table(of: &TableRef) -> String {
    let alias = |alias: &TableAlias| match alias.columns.as_slice() {
        [] => alias.name.name.clone(),
        columns => format!("{}({})", alias.name.name, names(columns)),
    };
    match of {
        TableRef::Table { name, alias: of } => format!("{}{}", name.name, clause("as", of.as_ref(), alias)),
        TableRef::Derived { query: of, alias: name } => format!("({}){}", query(of), clause("as", name.as_ref(), alias)),
        TableRef::Join { kind, left, right, on } => {
            let on = match on {
                JoinOn::Nothing => String::new(),
                JoinOn::On(on) => format!(" on {}", expr(on)),
                JoinOn::Using(columns) => format!(" using {}", names(columns)),
                JoinOn::Natural => " natural".into(),
            };
            format!("[{} {} {}{on}]", table(left), format!("{kind:?}").to_lowercase(), table(right))
        }
    }
}

fn order_key(of: &OrderKey) -> String {
    let nulls = of.nulls_first.map_or("", |first| if first { " nulls-first" } else { " nulls-last" });
    format!("{}{}{nulls}", expr(&of.expr), flag(of.descending, "desc"))
}

// --- Expressions

fn value(of: &Value<'_>) -> String {
    match of {
        Value::Null => "null".into(),
        Value::Text(text) => format!("'{text}'"),
        Value::Bool(truth) => truth.to_string(),
        Value::Int(number) => number.to_string(),
        Value::Decimal(number) => format!("{number}m"),
        Value::Double(number) => format!("{number}d"),
        Value::Blob(bytes) => format!("{bytes:02x?}"),
        other => format!("{other:?}"),
    }
}

fn not(negated: bool, word: &str) -> String {
    if negated { format!("not-{word}") } else { word.to_owned() }
}

pub(super) fn expr(of: &Expr) -> String {
    match of {
        Expr::Literal(of) => value(of),
        Expr::Default(_) => "default".into(),
        Expr::Parameter(number) => format!("?{number}"),
        Expr::Column { table, name } => {
            format!("{}{}", table.as_ref().map_or(String::new(), |table| format!("{}.", table.name)), name.name)
        }
        Expr::Not(of) => format!("(not {})", expr(of)),
        Expr::Negate(of) => format!("(- {})", expr(of)),
        Expr::And(of) => format!("(and {})", joined(of, expr)),
        Expr::Or(of) => format!("(or {})", joined(of, expr)),
        Expr::Concat(of) => format!("(concat {})", joined(of, expr)),
        Expr::Compare { op, left, right } => format!("({} {op:?} {})", expr(left), expr(right)),
        Expr::Arithmetic { op, left, right } => format!("({} {op:?} {})", expr(left), expr(right)),
        Expr::IsNull { expr: of, negated } => format!("({} {})", expr(of), not(*negated, "null")),
        Expr::IsTruth { expr: of, truth, negated } => format!("({} is {})", expr(of), not(*negated, &truth.to_string())),
        Expr::IsDistinct { left, right, negated } => format!("({} {} {})", expr(left), not(*negated, "distinct"), expr(right)),
        Expr::Row(of) => format!("(row {})", joined(of, expr)),
        Expr::Subquery(of) => format!("({})", query(of)),
        Expr::Exists { query: of, negated } => format!("({} {})", not(*negated, "exists"), query(of)),
        Expr::Cast { expr: of, to } => format!("cast({} as {to})", expr(of)),
        Expr::Call(of) => call(of),
        Expr::Interval { count, unit } => format!("(interval {} {})", expr(count), unit.name),
        other => test(other),
    }
}

fn test(of: &Expr) -> String {
    match of {
        Expr::Between { expr: of, low, high, negated } => {
            format!("({} {} {} {})", expr(of), not(*negated, "between"), expr(low), expr(high))
        }
        Expr::Like { expr: of, pattern, escape, ignore_case, negated } => format!(
            "({} {} {}{})",
            expr(of),
            not(*negated, if *ignore_case { "ilike" } else { "like" }),
            expr(pattern),
            clause("escape", escape.as_ref(), |escape| expr(escape))
        ),
        Expr::InList { expr: of, list, negated } => format!("({} {} ({}))", expr(of), not(*negated, "in"), joined(list, expr)),
        Expr::InQuery { expr: of, query: from, negated } => format!("({} {} ({}))", expr(of), not(*negated, "in"), query(from)),
        Expr::Case { operand, branches, otherwise } => format!(
            "(case{} {}{})",
            clause("", operand.as_ref(), |operand| expr(operand)),
            joined(branches, |(when, then)| format!("{} -> {}", expr(when), expr(then))),
            clause("else", otherwise.as_ref(), |otherwise| expr(otherwise))
        ),
        other => format!("{other:?}"),
    }
}

fn call(of: &Call) -> String {
    format!(
        "{}({}{}{}{}){}",
        of.name.name.to_lowercase(),
        if of.distinct { "distinct " } else { "" },
        if of.star { "*" } else { "" },
        joined(&of.args, expr),
        list("order", &of.order, order_key),
        clause("filter", of.filter.as_ref(), expr)
    )
}

// --- Changes

fn update(of: &Update) -> String {
    format!(
        "update {}{} set {}{}{}{}",
        of.table.name,
        clause("as", of.alias.as_ref(), |alias| alias.name.clone()),
        joined(&of.set, assignment),
        list("from", &of.from, table),
        clause("where", of.filter.as_ref(), expr),
        list("returning", &of.returning, item)
    )
}

fn delete(of: &Delete) -> String {
    format!(
        "delete {}{}{}{}",
        of.table.name,
        clause("as", of.alias.as_ref(), |alias| alias.name.clone()),
        clause("where", of.filter.as_ref(), expr),
        list("returning", &of.returning, item)
    )
}

fn assignment(of: &Assignment) -> String {
    format!("{} = {}", of.column.name, expr(&of.value))
}

fn insert(of: &Insert) -> String {
    let source = match &of.source {
        InsertSource::Values(rows) => format!("values {}", joined(rows, |row| format!("({})", joined(row, expr)))),
        InsertSource::Query(of) => query(of),
        InsertSource::Defaults => "defaults".into(),
    };
    let conflict = match &of.on_conflict {
        OnConflict::Fail => String::new(),
        OnConflict::Nothing { columns } => format!(" on-conflict({}) nothing", names(columns)),
        OnConflict::Update { columns, set, filter } => {
            format!(" on-conflict({}) set {}{}", names(columns), joined(set, assignment), clause("where", filter.as_ref(), expr))
        }
        OnConflict::Merge { key } => format!(" merge({})", names(key)),
    };
    let overriding = flag(of.overriding, "overriding");
    format!(
        "insert {}({}){overriding} {source}{conflict}{}",
        of.table.name,
        names(&of.columns),
        list("returning", &of.returning, item)
    )
}

// --- Definitions

fn create_table(of: &CreateTable) -> String {
    let constraints = of.constraints.iter().map(constraint);
    let elements = of.columns.iter().map(column).chain(constraints).collect::<Vec<_>>().join(", ");
    let query = clause("as", of.query.as_ref(), |of| query(of));
    format!("create table{} {}({elements}){query}", flag(of.if_not_exists, "if-not-exists"), of.name.name)
}

fn column(of: &ColumnDef) -> String {
    let identity = of.identity.map_or(String::new(), |Identity { always, start, increment }| {
        format!(" identity({start} {increment}{})", flag(always, "always"))
    });
    let constraints = of.constraints.iter().map(|of| format!(" {}", constraint(of))).collect::<String>();
    format!(
        "{} {}{}{}{identity}{constraints}",
        of.name.name,
        of.data_type,
        of.nullable.map_or("", |nullable| if nullable { " null" } else { " not-null" }),
        of.default.as_ref().map_or(String::new(), |(of, text)| format!(" default {} {text:?}", expr(of)))
    )
}

fn constraint(of: &TableConstraint) -> String {
    let name = of.name.as_ref().map_or(String::new(), |name| format!("{}:", name.name));
    let rule = match &of.rule {
        Rule::PrimaryKey(columns) => format!("primary({})", names(columns)),
        Rule::Unique(columns) => format!("unique({})", names(columns)),
        Rule::Check(of, text) => format!("check({} {text:?})", expr(of)),
        Rule::ForeignKey { columns, table, referenced, on_delete, on_update } => {
            format!("foreign({}) {}({}) {on_delete:?} {on_update:?}", names(columns), table.name, names(referenced))
        }
    };
    format!("{name}{rule}")
}

fn alter(of: &AlterTable) -> String {
    match of {
        AlterTable::AddColumn { column: of, if_not_exists } => {
            format!("add{} {}", flag(*if_not_exists, "if-not-exists"), column(of))
        }
        AlterTable::DropColumn { column, if_exists } => format!("drop{} {}", flag(*if_exists, "if-exists"), column.name),
        AlterTable::RenameColumn { from, to } => format!("rename {} {}", from.name, to.name),
        AlterTable::RenameTable { to } => format!("rename-to {}", to.name),
        AlterTable::AddConstraint(of) => format!("add {}", constraint(of)),
        AlterTable::DropConstraint { name, if_exists } => {
            format!("drop-constraint{} {}", flag(*if_exists, "if-exists"), name.name)
        }
        AlterTable::SetDefault { column, default } => {
            format!(
                "default {} {}",
                column.name,
                default.as_ref().map_or("none".into(), |(of, text)| format!("{} {text:?}", expr(of)))
            )
        }
        AlterTable::SetNullable { column, nullable } => format!("nullable {} {nullable}", column.name),
        AlterTable::SetType { column, data_type } => format!("type {} {data_type}", column.name),
        AlterTable::Restart { column, restart } => format!("restart {} {restart:?}", column.name),
    }
}

//! A plan made ready, and the rows that it gives.

use super::context::{Context, Frame, Inputs};
use super::operator::Operator;
use super::point::{Point, PointCursor};
use crate::error::{Error, ErrorKind, Result};
use crate::plan::node::{Action, OutColumn, Plan};
use crate::table::Tables;
use crate::types::Value;

/// A plan, and what is found out about it once for all its executions.
#[derive(Debug)]
pub(crate) struct Program {
    plan: Plan,
    pub(super) point: Option<Point>,
}

impl Program {
    pub(crate) fn new(plan: Plan) -> Program {
        let point = Point::of(&plan);
        Program { plan, point }
    }

    pub(crate) fn plan(&self) -> &Plan {
        &self.plan
    }
}

/// The rows of a query.
pub(crate) struct Cursor<'r> {
    columns: &'r [OutColumn],
    way: Way<'r>,
}

enum Way<'r> {
    Point(PointCursor<'r>),
    Operators(Box<Operators<'r>>),
}

struct Operators<'r> {
    operator: Operator<'r>,
    frame: Frame<'r>,
    cx: Context<'r>,
    ended: bool,
}

impl<'r> Cursor<'r> {
    /// Begins a query.
    ///
    /// # Errors
    /// `State` for a plan that changes rows; else what its first steps give: `Data`, `Limit`, `Cancelled`, `TimedOut`, `Store`.
    pub(crate) fn open(program: &'r Program, tables: Tables<'r>, inputs: Inputs<'r>) -> Result<Cursor<'r>> {
        let plan = &program.plan;
        if let Some(point) = &program.point
            && inputs.counters.is_none()
        {
            return Ok(Cursor { columns: &plan.columns, way: Way::Point(PointCursor::open(plan, point, tables, &inputs)?) });
        }
        let Action::Query(node) = &plan.action else {
            return Err(Error::new(ErrorKind::State, "a statement that changes rows is no query"));
        };
        let cx = Context::new(plan, Some(tables), inputs);
        cx.look()?;
        let mut frame = cx.frame();
        let mut operator = Operator::new(node, &cx)?;
        operator.open(&mut frame, &cx)?;
        Ok(Cursor { columns: &plan.columns, way: Way::Operators(Box::new(Operators { operator, frame, cx, ended: false })) })
    }

    /// Goes to the next row; false at the end.
    ///
    /// # Errors
    /// As `open`. The query has ended then.
    #[inline]
    pub(crate) fn next(&mut self) -> Result<bool> {
        match &mut self.way {
            Way::Point(point) => point.next(),
            Way::Operators(operators) => operators.next(),
        }
    }

    /// The value of this column in the row that `next` went to.
    #[inline]
    pub(crate) fn value(&self, column: usize) -> &Value<'r> {
        match &self.way {
            Way::Point(point) => point.value(column),
            Way::Operators(operators) => &operators.frame[self.columns[column].slot.0 as usize],
        }
    }
}

impl<'r> Operators<'r> {
    fn next(&mut self) -> Result<bool> {
        if self.ended {
            return Ok(false);
        }
        let row = self.operator.next(&mut self.frame, &self.cx);
        self.ended = !matches!(row, Ok(true));
        row
    }
}

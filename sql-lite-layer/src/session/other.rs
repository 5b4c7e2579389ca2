//! Statements without a plan: transactions by text, definitions, EXPLAIN, scripts.

use super::connection::Connection;
use super::given::Given;
use super::statement::EachWith;
use crate::error::Result;
use crate::parse::ast::Statement;
use crate::table::schema::fold;

impl Connection {
    pub(super) fn run_other(&self, statement: &Statement, given: Given<'_>, each: &mut EachWith<'_>) -> Result<u64> {
        match statement {
            Statement::Begin { read_only } => self.begin(*read_only),
            Statement::Commit => self.commit(),
            Statement::Rollback { to: None } => self.roll_back(),
            Statement::Rollback { to: Some(name) } => self.roll_back_to(self.savepoint_named(&fold(&name.name))?),
            Statement::Savepoint { name } => self.push_savepoint(Some(fold(&name.name))).map(drop),
            Statement::Release { name } => self.release_savepoint(self.savepoint_named(&fold(&name.name))?),
            Statement::Nothing => Ok(()),
            Statement::Explain { analyze, statement } => self.explain(*analyze, statement, given, each),
            Statement::Script(script) => self.script(script, &given, each),
            Statement::RunScript { from, compressed } => self.script_from(from, *compressed, &given),
            _ => return self.define(statement, &given),
        }?;
        Ok(0)
    }
}

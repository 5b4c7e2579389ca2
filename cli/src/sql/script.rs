//! Lines become statements and dot commands, each with its place in the text that they came from.
//!
//! Text arrives by lines, so that a pipe's statements run as they come and a long script is never held whole. A line that begins with a dot is a command, unless it goes on with a
//! statement, a literal or a comment.

use treering_sql::{Ending, Place, statements};

/// A text on its way to being run: what has arrived and was not run yet.
#[derive(Debug)]
pub(crate) struct Script {
    text: String,
    /// Where `text` begins, and where the next line begins.
    begin: Place,
    next: Place,
    ending: Ending,
}

/// What is to be run.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) enum Item {
    /// A statement without its `;`.
    Statement(Source),
    /// A command without its dot.
    Command(Source),
}

/// A piece of text and where it begins.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) struct Source {
    pub(crate) text: String,
    pub(crate) place: Place,
}

const START: Place = Place { line: 1, column: 1 };

impl Script {
    pub(crate) fn new() -> Script {
        Script { text: String::new(), begin: START, next: START, ending: Ending::Whole }
    }

    /// Takes a line, with or without its end; gives what can be run now.
    pub(crate) fn line(&mut self, line: &str) -> Vec<Item> {
        if self.ending == Ending::Whole {
            self.restart();
            if let Some(command) = line.trim_end().strip_prefix('.') {
                let place = Place { column: 2, ..self.begin };
                self.next = Place { line: self.begin.line.saturating_add(1), column: 1 };
                return vec![Item::Command(Source { text: command.to_owned(), place })];
            }
        }
        self.text.push_str(line);
        if !line.ends_with('\n') {
            self.text.push('\n');
        }
        self.next.line = self.next.line.saturating_add(1);
        match self.behind(line) {
            Some(ending) => self.ending = ending,
            None => return self.take(),
        }
        Vec::new()
    }

    /// What the text ends in behind one more line, by that line alone, so that a statement of many lines is not scanned once for each; none: it must be scanned.
    fn behind(&self, line: &str) -> Option<Ending> {
        let before = match self.ending {
            Ending::Statement => "x ",
            Ending::Literal => "'",
            Ending::Comment if !line.contains("*/") => return Some(Ending::Comment),
            _ => return None,
        };
        let text = [before, line].concat();
        let ending = Ending::of(&text);
        (ending != Ending::Whole && statements(&text).count() == 1).then_some(ending)
    }

    /// The text is over: what can be run now, and what is left of it, though its `;` or more is missing.
    pub(crate) fn end(&mut self) -> Vec<Item> {
        let mut items = self.take();
        if self.ending != Ending::Whole {
            items.push(Item::Statement(Source { text: self.text.trim_end().to_owned(), place: self.begin }));
            self.restart();
        }
        items
    }

    /// Whether the next line begins anew.
    pub(crate) fn is_between(&self) -> bool {
        self.ending == Ending::Whole
    }

    fn restart(&mut self) {
        (self.begin, self.ending) = (self.next, Ending::Whole);
        self.text.clear();
    }

    /// The statements that are complete; the text is then what stands behind them.
    fn take(&mut self) -> Vec<Item> {
        self.ending = Ending::of(&self.text);
        let mut found: Vec<_> = statements(&self.text).collect();
        // Before an open comment a statement may be complete or not: it waits for the comment's end.
        let rest = if self.ending == Ending::Whole { None } else { found.pop() };
        let item = |text: &str, place| Item::Statement(Source { text: text.to_owned(), place: within(self.begin, place) });
        let items = found.iter().map(|statement| item(statement.text(), statement.place())).collect();
        if self.ending == Ending::Whole {
            self.restart();
            return items;
        }
        if let Some((from, place)) = rest.map(|rest| (rest.range().start, rest.place())) {
            self.begin = within(self.begin, place);
            self.text.drain(..from);
        }
        items
    }
}

/// A place of a text that begins at `begin`, in the longer text.
pub(crate) fn within(begin: Place, place: Place) -> Place {
    let column = if place.line <= 1 { begin.column.saturating_add(place.column.saturating_sub(1)) } else { place.column };
    Place { line: begin.line.saturating_add(place.line.saturating_sub(1)), column }
}

#[cfg(test)]
mod tests {
    use super::*;

    /// What a text's lines give, as `line:column text`, and behind `|` what its end gives.
    fn check(text: &str, expected: &[&str]) {
        let mut script = Script::new();
        let mut found = Vec::new();
        let mut show = |items: Vec<Item>, mark: &str| {
            for item in items {
                let (dot, Source { text, place }) = match item {
                    Item::Statement(source) => ("", source),
                    Item::Command(source) => (".", source),
                };
                found.push(format!("{mark}{}:{} {dot}{text}", place.line, place.column));
            }
        };
        for line in text.lines() {
            show(script.line(line), "");
        }
        show(script.end(), "|");
        assert_eq!(found, expected, "{text}");
        assert!(script.is_between());
    }

    /// Each statement and each command is found with the place where it begins; a dot begins a command only between statements.
    #[test]
    fn lines_become_statements_and_commands() {
        check(
            "SELECT 1; SELECT\n 2;\n.tables x \nSELECT 3",
            &["1:1 SELECT 1", "1:11 SELECT\n 2", "3:2 .tables x", "|4:1 SELECT 3"],
        );
        check("-- nothing;\n\n.quit\n  .5;", &["3:2 .quit", "4:3 .5"]);
        check("SELECT 'a\n.tables;\n', 1;\n.mode", &["1:1 SELECT 'a\n.tables;\n', 1", "4:2 .mode"]);
        check("SELECT 1\n.5;", &["1:1 SELECT 1\n.5"]);
        check("/*\n.tables\n*/ SELECT 1;", &["3:4 SELECT 1"]);
        check("SELECT 1; /* a\n */ SELECT 2;", &["1:1 SELECT 1", "2:5 SELECT 2"]);
        check("SELECT \"a\n;\" FROM t;\n.a", &["1:1 SELECT \"a\n;\" FROM t", "3:2 .a"]);
        check("", &[]);
        check(" ;;\n; ", &[]);
    }

    /// What the end of the text cuts off is given as it stands, so that running it says what is missing.
    #[test]
    fn what_is_cut_off_is_given() {
        check("SELECT 1; SELECT 'a", &["1:1 SELECT 1", "|1:11 SELECT 'a"]);
        check("SELECT 1 /* a", &["|1:1 SELECT 1 /* a"]);
        check("/* a", &["|1:1 /* a"]);
    }

    /// A long statement with a `;` in each of its lines comes whole, and at once; scanned anew for each line it would take minutes.
    #[test]
    fn long_statements_come_whole() {
        let mut script = Script::new();
        let lines = 100_000;
        assert!(script.line("INSERT INTO t VALUES ('").is_empty());
        for _ in 0..lines {
            assert!(script.line("text; more text").is_empty());
        }
        let items = script.line("');");
        let [Item::Statement(statement)] = &items[..] else { panic!("{} items", items.len()) };
        assert_eq!(statement.text.lines().count(), lines + 2);
    }
}

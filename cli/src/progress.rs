//! Progress of long work, on standard error, only where a person looks.

use std::ops::ControlFlow;
use std::time::Duration;

use indicatif::{ProgressBar, ProgressStyle};
use treering::{FileProgress, FileStage};

use crate::interrupt;
use crate::output::Output;

/// A bar or a spinner; gone without a trace when it is dropped.
pub(crate) struct Progress(ProgressBar);

impl Progress {
    /// Work of unknown length.
    pub(crate) fn spinner(what: &str) -> Progress {
        Progress::start(ProgressBar::new_spinner(), "{spinner} {msg}, {elapsed}", what)
    }

    /// Work of `len` bytes.
    pub(crate) fn bytes(what: &str, len: u64) -> Progress {
        let template = "{spinner} {msg} [{bar:30}] {binary_bytes} of {binary_total_bytes}, {elapsed}";
        Progress::start(ProgressBar::new(len), template, what)
    }

    /// Work of `len` of something.
    pub(crate) fn steps(what: &str, len: u64, unit: &str) -> Progress {
        let template = format!("{{spinner}} {{msg}} [{{bar:30}}] {{human_pos}} of {{human_len}} {unit}, {{elapsed}}");
        Progress::start(ProgressBar::new(len), &template, what)
    }

    /// Lines of the output, of `len` at most: shown if they go to a file. On a terminal the lines themselves show it, and behind a pipe may be a program that writes to the same terminal.
    pub(crate) fn lines(what: &str, len: u64) -> Progress {
        if Output::is_file() { Progress::steps(what, len, "entries") } else { Progress(ProgressBar::hidden()) }
    }

    fn start(bar: ProgressBar, template: &str, what: &str) -> Progress {
        // The templates are ours; a wrong one falls back to indicatif's own.
        let style = ProgressStyle::with_template(template).unwrap_or_else(|_| ProgressStyle::default_bar());
        bar.set_style(style.progress_chars("█▉▊▋▌▍▎▏ "));
        bar.set_message(what.to_owned());
        bar.enable_steady_tick(Duration::from_millis(120));
        Progress(bar)
    }

    /// How much is done.
    pub(crate) fn at(&self, done: u64) {
        // What was estimated too low grows: a bar beyond its end looks broken.
        if self.0.length().is_some_and(|len| done > len) {
            self.0.set_length(done);
        }
        self.0.set_position(done);
    }
}

impl Drop for Progress {
    fn drop(&mut self) {
        self.0.finish_and_clear();
    }
}

/// What the engine says of its work on a file: a spinner until it says the first, and a bar for each stage.
pub(crate) struct Stages {
    writing: &'static str,
    checking: &'static str,
    stage: Option<FileStage>,
    shown: Progress,
}

impl Stages {
    /// Work that writes, checks, or does one after the other, with the words for it.
    pub(crate) fn new(writing: &'static str, checking: &'static str) -> Stages {
        Stages { writing, checking, stage: None, shown: Progress::spinner(writing) }
    }

    /// How far it is; whether it goes on.
    pub(crate) fn at(&mut self, progress: FileProgress) -> ControlFlow<()> {
        if self.stage != Some(progress.stage) {
            let what = if progress.stage == FileStage::Check { self.checking } else { self.writing };
            (self.stage, self.shown) = (Some(progress.stage), Progress::bytes(what, progress.of));
        }
        self.shown.at(progress.done);
        interrupt::flow()
    }
}

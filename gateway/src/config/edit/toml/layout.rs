//! Where each statement of a TOML file stands, by its parser's events.

use std::ops::Range;
use toml_parser::decoder::Encoding;
use toml_parser::parser::{EventReceiver, parse_document};
use toml_parser::{ErrorSink, Raw, Source, Span};

/// Where a file's statements are.
#[derive(Default)]
pub(super) struct Layout {
    /// The first has no header: what stands above all of them.
    pub(super) tables: Vec<Table>,
    pub(super) statements: Vec<Statement>,
    /// Comments that stand by themselves.
    pub(super) comments: Vec<Range<usize>>,
}

/// `[path]` or `[[path]]`.
pub(super) struct Table {
    pub(super) path: Vec<String>,
    pub(super) is_block: bool,
    pub(super) range: Range<usize>,
}

/// `path = value`.
pub(super) struct Statement {
    /// Which table it is in.
    pub(super) table: usize,
    /// The key below the table; it may have dots.
    pub(super) path: Vec<String>,
    /// From the key to the value's end.
    pub(super) range: Range<usize>,
    pub(super) value: Range<usize>,
}

impl Layout {
    pub(super) fn of(text: &str) -> Self {
        let source = Source::new(text);
        let tokens = source.lex().into_vec();
        let mut events = Events {
            source: &source,
            layout: Self::default(),
            path: Vec::new(),
            header: None,
            start: None,
            depth: 0,
            outermost: 0,
        };
        events.layout.tables.push(Table {
            path: Vec::new(),
            is_block: false,
            range: 0..0,
        });
        parse_document(&tokens, &mut events, &mut ());
        events.layout
    }

    /// The statement with this path from the root, if it is in no block.
    pub(super) fn find(&self, path: &[&str]) -> Option<&Statement> {
        self.statements.iter().find(|statement| {
            let table = &self.tables[statement.table];
            let whole = table.path.iter().chain(&statement.path);
            !table.is_block && whole.eq(path)
        })
    }

    pub(super) fn statement_in(&self, table: usize, key: &str) -> Option<&Statement> {
        let mut inside = self.statements.iter().filter(|it| it.table == table);
        inside.find(|statement| statement.path == [key])
    }

    pub(super) fn header(&self, section: &str) -> Option<usize> {
        let tables = self.tables.iter();
        tables.into_iter().position(|table| table.path == [section])
    }
}

/// What the parser says, put in order.
struct Events<'a> {
    source: &'a Source<'a>,
    layout: Layout,
    path: Vec<String>,
    /// Where a header began.
    header: Option<usize>,
    /// Where a statement's key began.
    start: Option<usize>,
    /// How many arrays and tables of one line we are in.
    depth: usize,
    /// Where the outermost of them began.
    outermost: usize,
}

impl Events<'_> {
    fn begin_header(&mut self, span: Span) {
        self.header = Some(span.start());
        self.path.clear();
    }

    fn end_header(&mut self, span: Span, is_block: bool) {
        let start = self.header.take().unwrap_or(span.start());
        self.layout.tables.push(Table {
            path: std::mem::take(&mut self.path),
            is_block,
            range: start..span.end(),
        });
    }

    fn open_value(&mut self, span: Span) -> bool {
        if self.depth == 0 {
            self.outermost = span.start();
        }
        self.depth += 1;
        true
    }

    fn close_value(&mut self, span: Span) {
        self.depth = self.depth.saturating_sub(1);
        if self.depth == 0 {
            self.value(self.outermost, span.end());
        }
    }

    /// A value of a statement, all of it.
    fn value(&mut self, start: usize, end: usize) {
        let Some(begin) = self.start.take() else {
            return;
        };
        self.layout.statements.push(Statement {
            table: self.layout.tables.len() - 1,
            path: std::mem::take(&mut self.path),
            range: begin..end,
            value: start..end,
        });
    }
}

impl EventReceiver for Events<'_> {
    fn std_table_open(&mut self, span: Span, _: &mut dyn ErrorSink) {
        self.begin_header(span);
    }

    fn std_table_close(&mut self, span: Span, _: &mut dyn ErrorSink) {
        self.end_header(span, false);
    }

    fn array_table_open(&mut self, span: Span, _: &mut dyn ErrorSink) {
        self.begin_header(span);
    }

    fn array_table_close(&mut self, span: Span, _: &mut dyn ErrorSink) {
        self.end_header(span, true);
    }

    fn inline_table_open(&mut self, span: Span, _: &mut dyn ErrorSink) -> bool {
        self.open_value(span)
    }

    fn inline_table_close(&mut self, span: Span, _: &mut dyn ErrorSink) {
        self.close_value(span);
    }

    fn array_open(&mut self, span: Span, _: &mut dyn ErrorSink) -> bool {
        self.open_value(span)
    }

    fn array_close(&mut self, span: Span, _: &mut dyn ErrorSink) {
        self.close_value(span);
    }

    fn simple_key(&mut self, span: Span, kind: Option<Encoding>, error: &mut dyn ErrorSink) {
        if self.depth > 0 {
            return;
        }
        if self.header.is_none() && self.start.is_none() {
            self.start = Some(span.start());
            self.path.clear();
        }
        let mut key = String::new();
        if let Some(raw) = self.source.get(span) {
            let raw = Raw::new_unchecked(raw.as_str(), kind, span);
            raw.decode_key(&mut key, error);
        }
        self.path.push(key);
    }

    fn scalar(&mut self, span: Span, _: Option<Encoding>, _: &mut dyn ErrorSink) {
        if self.depth == 0 {
            self.value(span.start(), span.end());
        }
    }

    fn comment(&mut self, span: Span, _: &mut dyn ErrorSink) {
        let text = self.source.input();
        let line = text[..span.start()].rsplit('\n').next();
        // One that stands behind a value shows nothing.
        if self.depth == 0 && line.is_some_and(|line| line.trim().is_empty()) {
            self.layout.comments.push(span.start()..span.end());
        }
    }
}

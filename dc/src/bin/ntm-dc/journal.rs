//! What happened, for the operator: the latest lines in a file of their own, `events.db`, written by a thread of its own.
//!
//! A file of its own, so that a flood of events never makes the store wait, and a backup has none of it. Bounded three
//! times: the queue, whose overflow is counted and said; so many lines a second of one kind, the rest in one line; and the
//! lines kept. The last second may be lost with the power, which no promise rests on. Beside the lines stands a tally of
//! each quarter of an hour, for the chart, which no flood of other lines pushes out.

use crate::files;
use crate::shell::wall_seconds;
use crate::show;
use anyhow::{Context, Result};
use ntm_webui::operator::{Part, Sight};
use rusqlite::{Connection, OptionalExtension, Transaction};
use serde_json::{Value, json};
use std::collections::BTreeMap;
use std::path::{Path, PathBuf};
use std::sync::Arc;
use std::sync::atomic::{AtomicU32, Ordering};
use std::sync::mpsc::{Receiver, RecvTimeoutError, SyncSender, sync_channel};
use std::thread;
use std::time::{Duration, Instant};

/// Lines kept; about 4 MB.
pub(crate) const KEPT: i64 = 20_000;
/// Lines of a page.
const PAGE: usize = 50;
/// Lines that may wait for the disk.
const WAITING: usize = 4096;
/// How long lines are gathered before they are written together.
const GATHER: Duration = Duration::from_secs(1);
/// Lines of one kind in that time; what is more is counted.
const OF_A_KIND: usize = 100;
/// The longest line, in characters.
const LONGEST: usize = 300;
/// Seconds of one bar of the chart, and how many bars there are: a day.
const SLOT: i64 = 900;
const SLOTS: i64 = 96;

const TABLES: &str = "
CREATE TABLE IF NOT EXISTS event (
    id INTEGER PRIMARY KEY,
    at INTEGER NOT NULL,
    kind TEXT NOT NULL,
    text TEXT NOT NULL
) STRICT;
CREATE INDEX IF NOT EXISTS event_kind ON event (kind, id);
CREATE TABLE IF NOT EXISTS tally (
    slot INTEGER NOT NULL,
    kind TEXT NOT NULL,
    count INTEGER NOT NULL,
    PRIMARY KEY (slot, kind)
) STRICT, WITHOUT ROWID;";

struct Line {
    at: i64,
    kind: &'static str,
    text: String,
}

/// Where lines are given in. It never waits.
#[derive(Clone)]
pub(crate) struct Journal {
    lines: SyncSender<Line>,
    lost: Arc<AtomicU32>,
}

impl Journal {
    /// Starts the thread that writes `dir`'s journal. Where it cannot be written, that is logged and all goes on.
    pub(crate) fn start(dir: &Path) -> Result<Self> {
        let (lines, taken) = sync_channel(WAITING);
        let lost = Arc::new(AtomicU32::new(0));
        let (dir, missed) = (dir.to_owned(), lost.clone());
        thread::Builder::new()
            .name("journal".into())
            .spawn(move || match connect(&dir) {
                Ok(connection) => write_all(connection, &taken, &missed),
                Err(error) => tracing::warn!("no journal: {error:#}"),
            })
            .context("cannot start a thread")?;
        Ok(Self { lines, lost })
    }

    /// One that nobody reads.
    #[cfg(test)]
    pub(crate) fn nowhere() -> Self {
        Self {
            lines: sync_channel(1).0,
            lost: Arc::default(),
        }
    }

    /// A line of this kind.
    pub(crate) fn note(&self, kind: &'static str, text: impl FnOnce() -> String) {
        let line = Line {
            at: wall_seconds(),
            kind,
            text: text().chars().take(LONGEST).collect(),
        };
        if self.lines.try_send(line).is_err() {
            self.lost.fetch_add(1, Ordering::Relaxed);
        }
    }
}

fn path(dir: &Path) -> PathBuf {
    dir.join("events.db")
}

fn connect(dir: &Path) -> Result<Connection> {
    let path = path(dir);
    let open = || {
        files::touch(&path)?;
        let connection = Connection::open(&path)?;
        connection.busy_timeout(Duration::from_secs(2))?;
        connection.pragma_update(None, "journal_mode", "WAL")?;
        connection.pragma_update(None, "synchronous", "NORMAL")?;
        connection.execute_batch(TABLES)?;
        Ok::<_, anyhow::Error>(connection)
    };
    open().with_context(|| format!("cannot write {}", path.display()))
}

fn write_all(mut connection: Connection, lines: &Receiver<Line>, lost: &AtomicU32) {
    let mut said: Option<Instant> = None;
    while let Ok(first) = lines.recv() {
        let mut batch = vec![first];
        let until = Instant::now() + GATHER;
        while batch.len() < WAITING {
            match lines.recv_timeout(until.saturating_duration_since(Instant::now())) {
                Ok(line) => batch.push(line),
                Err(RecvTimeoutError::Timeout | RecvTimeoutError::Disconnected) => break,
            }
        }
        let missed = lost.swap(0, Ordering::Relaxed);
        let written = write(&mut connection, &batch, missed);
        let due = |at: Instant| at.elapsed() > Duration::from_secs(60);
        if let Err(error) = written
            && said.is_none_or(due)
        {
            said = Some(Instant::now());
            tracing::warn!("lines of the journal are lost: {error:#}");
        }
    }
}

fn write(connection: &mut Connection, batch: &[Line], missed: u32) -> rusqlite::Result<()> {
    let tx = connection.transaction()?;
    let mut counts: BTreeMap<&str, usize> = BTreeMap::new();
    for line in batch {
        let count = counts.entry(line.kind).or_default();
        *count += 1;
        if *count <= OF_A_KIND {
            insert(&tx, line.at, line.kind, &line.text)?;
        }
        tally(&tx, line.at, line.kind)?;
    }
    let now = batch.last().map_or(0, |line| line.at);
    for (kind, count) in counts {
        if let Some(more) = count.checked_sub(OF_A_KIND).filter(|more| *more > 0) {
            insert(&tx, now, kind, &format!("and {more} more like that"))?;
        }
    }
    if missed > 0 {
        insert(
            &tx,
            now,
            "trouble",
            &format!("{missed} events came faster than they could be written"),
        )?;
    }
    tx.execute(
        "DELETE FROM event WHERE id <= (SELECT max(id) FROM event) - ?1",
        [KEPT],
    )?;
    tx.execute(
        "DELETE FROM tally WHERE slot < ?1",
        [now / SLOT - 2 * SLOTS],
    )?;
    tx.commit()
}

fn insert(tx: &Transaction<'_>, at: i64, kind: &str, text: &str) -> rusqlite::Result<()> {
    let sql = "INSERT INTO event (at, kind, text) VALUES (?1, ?2, ?3)";
    tx.prepare(sql)?.execute((at, kind, text)).map(drop)
}

fn tally(tx: &Transaction<'_>, at: i64, kind: &str) -> rusqlite::Result<()> {
    let sql = "INSERT INTO tally (slot, kind, count) VALUES (?1, ?2, 1)
        ON CONFLICT (slot, kind) DO UPDATE SET count = count + 1";
    tx.prepare(sql)?.execute((at / SLOT, kind)).map(drop)
}

/// A line about what was done at the command line. Without a journal nothing is lost but this.
pub(crate) fn add_from_outside(dir: &Path, text: &str) {
    let line = Line {
        at: wall_seconds(),
        kind: "operator",
        text: text.to_owned(),
    };
    let written = connect(dir).and_then(|mut connection| Ok(write(&mut connection, &[line], 0)?));
    if let Err(error) = written {
        tracing::debug!("not in the journal: {error:#}");
    }
}

/// What pages read of it.
pub(crate) struct Reader(Connection);

impl Reader {
    /// Opens `dir`'s journal.
    pub(crate) fn open(dir: &Path) -> Result<Self> {
        connect(dir).map(Self)
    }

    /// Lines, the last first; of a kind.
    pub(crate) fn events(&self, sight: &Sight) -> Result<Value> {
        let began = Instant::now();
        let key = |key: &str| key.parse::<i64>().unwrap_or(0);
        let (from, is_backwards) = match &sight.part {
            Part::First => (i64::MAX, false),
            Part::After(id) => (key(id), false),
            Part::Before(id) => (key(id), true),
        };
        let (sign, way) = if is_backwards {
            ('>', "")
        } else {
            ('<', "DESC")
        };
        let sql = format!(
            "SELECT id, at, kind, text FROM event WHERE id {sign} ?1 AND (?2 = '' OR text LIKE ?2 ESCAPE '\\') {}
            ORDER BY id {way} LIMIT {}",
            if sight.of.is_empty() { "AND ?3 = ''" } else { "AND kind = ?3" },
            PAGE + 1
        );
        let like = match sight.text.as_str() {
            "" => String::new(),
            text => format!(
                "%{}%",
                text.replace('\\', "\\\\")
                    .replace('%', "\\%")
                    .replace('_', "\\_")
            ),
        };
        let mut statement = self.0.prepare(&sql)?;
        let found = statement.query_map((from, like, &sight.of), |row| {
            let id: i64 = row.get(0)?;
            let value = json!({"id": id, "at": utc(row.get(1)?), "kind": row.get::<_, String>(2)?, "text": row.get::<_, String>(3)?});
            Ok((id, value))
        })?;
        let mut rows: Vec<(i64, Value)> = found.collect::<rusqlite::Result<_>>()?;
        let has_more = rows.len() > PAGE;
        rows.truncate(PAGE);
        if is_backwards {
            rows.reverse();
        }
        let first = rows.first().map(|(id, _)| id.to_string());
        let last = rows.last().map(|(id, _)| id.to_string());
        let (before, after) = match &sight.part {
            Part::First => (None, last.filter(|_| has_more)),
            Part::After(_) => (first, last.filter(|_| has_more)),
            Part::Before(_) => (first.filter(|_| has_more), last),
        };
        Ok(json!({
            "rows": rows.into_iter().map(|(_, row)| row).collect::<Vec<_>>(),
            "before": before,
            "after": after,
            "most": KEPT,
            "took_ms": began.elapsed().as_micros() as f64 / 1000.0,
        }))
    }

    /// Registrations and enrolments of the last day, a bar for each quarter of an hour.
    pub(crate) fn history(&self, now: i64) -> Result<Value> {
        let mut statement = self
            .0
            .prepare("SELECT count FROM tally WHERE slot = ?1 AND kind = ?2")?;
        let mut count = |slot: i64, kind: &str| {
            let found = statement.query_row((slot, kind), |row| row.get::<_, i64>(0));
            found.optional().map(Option::unwrap_or_default)
        };
        let mut bars = Vec::new();
        for slot in now / SLOT - SLOTS + 1..=now / SLOT {
            bars.push(json!({"registered": count(slot, "registered")?, "enrolled": count(slot, "enrolled")?}));
        }
        Ok(bars.into())
    }
}

/// `events`
pub(crate) fn show(dir: &Path, json: bool) -> Result<()> {
    crate::admin::open(dir)?;
    let sight = Sight {
        page: ntm_webui::operator::Page::Events,
        text: String::new(),
        of: String::new(),
        part: Part::First,
    };
    let mut rows = Reader::open(dir)?.events(&sight)?["rows"].take();
    if let Some(rows) = rows.as_array_mut() {
        rows.reverse();
    }
    show::rows(
        &rows,
        &[("WHEN", "at"), ("KIND", "kind"), ("WHAT", "text")],
        json,
    );
    Ok(())
}

/// Seconds since 1970 as date and time (the proleptic Gregorian calendar, by 400-year eras that begin in March).
fn utc(seconds: i64) -> String {
    let (days, second) = (seconds.div_euclid(86_400), seconds.rem_euclid(86_400));
    let since = days + 719_468;
    let (era, day) = (since.div_euclid(146_097), since.rem_euclid(146_097));
    let year = (day - day / 1460 + day / 36_524 - day / 146_096) / 365;
    let day = day - (365 * year + year / 4 - year / 100);
    let month = (5 * day + 2) / 153;
    let day = day - (153 * month + 2) / 5 + 1;
    let month = if month < 10 { month + 3 } else { month - 9 };
    let year = year + era * 400 + i64::from(month <= 2);
    let (hour, minute) = (second / 3600, second / 60 % 60);
    format!(
        "{year:04}-{month:02}-{day:02} {hour:02}:{minute:02}:{:02}",
        second % 60
    )
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::scratch::Scratch;

    fn line(kind: &'static str, text: &str, at: i64) -> Line {
        Line {
            at,
            kind,
            text: text.to_owned(),
        }
    }

    fn sight(text: &str, of: &str, part: Part) -> Sight {
        Sight {
            page: ntm_webui::operator::Page::Events,
            text: text.to_owned(),
            of: of.to_owned(),
            part,
        }
    }

    fn texts(page: &Value) -> Vec<&str> {
        let rows = page["rows"].as_array().unwrap();
        rows.iter()
            .map(|row| row["text"].as_str().unwrap())
            .collect()
    }

    #[test]
    fn lines_are_found_again_the_last_first_and_by_parts() {
        let dir = Scratch::new();
        let mut connection = connect(dir.path()).unwrap();
        for n in 0..120 {
            let kind = if n % 2 == 0 { "moved" } else { "offline" };
            write(
                &mut connection,
                &[line(kind, &format!("number {n}%"), n)],
                0,
            )
            .unwrap();
        }
        let reader = Reader::open(dir.path()).unwrap();
        let first = reader.events(&sight("", "", Part::First)).unwrap();
        assert_eq!((texts(&first)[0], texts(&first).len()), ("number 119%", 50));
        assert_eq!(first["before"], Value::Null);
        let key = first["after"].as_str().unwrap().to_owned();
        let second = reader.events(&sight("", "", Part::After(key))).unwrap();
        assert_eq!(texts(&second)[0], "number 69%");
        let key = second["before"].as_str().unwrap().to_owned();
        let back = reader.events(&sight("", "", Part::Before(key))).unwrap();
        assert_eq!(texts(&back), texts(&first));
        let moved = reader.events(&sight("", "moved", Part::First)).unwrap();
        assert_eq!(texts(&moved)[..2], ["number 118%", "number 116%"]);
        let some = reader.events(&sight("r 11%", "", Part::First)).unwrap();
        assert_eq!(
            texts(&some),
            ["number 11%"],
            "a sign of the pattern language is a sign"
        );
        let none = reader
            .events(&sight("", "x' OR 1=1", Part::After("zz".into())))
            .unwrap();
        assert!(texts(&none).is_empty());
    }

    #[test]
    fn a_flood_is_counted_and_the_file_is_bounded() {
        let dir = Scratch::new();
        let mut connection = connect(dir.path()).unwrap();
        let flood: Vec<Line> = (0..500).map(|_| line("refused", "no", SLOT)).collect();
        write(&mut connection, &flood, 3).unwrap();
        let reader = Reader::open(dir.path()).unwrap();
        let page = reader.events(&sight("", "", Part::First)).unwrap();
        assert_eq!(
            texts(&page)[..2],
            [
                "3 events came faster than they could be written",
                "and 400 more like that"
            ]
        );
        let mut batch: Vec<Line> = Vec::new();
        for n in 0..KEPT / 90 + 10 {
            batch.clear();
            batch.extend((0..90).map(|_| line("moved", "there", SLOT + n)));
            write(&mut connection, &batch, 0).unwrap();
        }
        let count: i64 = connection
            .query_row("SELECT count(*) FROM event", (), |row| row.get(0))
            .unwrap();
        assert_eq!(count, KEPT);
    }

    #[test]
    fn the_day_is_counted_by_quarters_of_an_hour() {
        let dir = Scratch::new();
        let mut connection = connect(dir.path()).unwrap();
        let now = 1_000 * SLOT + 5;
        let batch = [
            line("registered", "a", now - SLOT),
            line("registered", "b", now),
            line("enrolled", "c", now),
            line("registered", "d", now - SLOTS * SLOT),
        ];
        write(&mut connection, &batch, 0).unwrap();
        let bars = Reader::open(dir.path()).unwrap().history(now).unwrap();
        let bars = bars.as_array().unwrap();
        assert_eq!(bars.len(), 96);
        assert_eq!(bars[95], json!({"registered": 1, "enrolled": 1}));
        assert_eq!(bars[94], json!({"registered": 1, "enrolled": 0}));
        assert_eq!(bars[0], json!({"registered": 0, "enrolled": 0}));
    }

    #[test]
    fn dates_are_right() {
        for (seconds, text) in [
            (0, "1970-01-01 00:00:00"),
            (951_827_696, "2000-02-29 12:34:56"),
            (1_795_478_399, "2026-11-23 23:59:59"),
            (4_107_542_400, "2100-03-01 00:00:00"),
        ] {
            assert_eq!(utc(seconds), text);
        }
    }
}

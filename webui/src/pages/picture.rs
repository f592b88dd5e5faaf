//! The picture: devices, this gateway, its ways out, coordinator and relay, other gateways, and the paths between them.
//!
//! Five columns from left to right; on a phone, five rows from top to bottom. Both are in the page, and its style shows
//! the one that fits. A path that carries traffic is thick, one through the relay goes through the relay, one that stands
//! by is dashed.

use super::{View, label, ms, peers};
use crate::html::{Html, short};
use crate::snapshot::{Tunnel, Wan};
use crate::words::Word;

/// How it lies.
#[derive(Clone, Copy, PartialEq, Eq)]
pub(super) enum Shape {
    Wide,
    Tall,
}

/// The most of each column; the page of each has them all.
const MOST_DEVICES: usize = 6;
const MOST_WANS: usize = 4;
const MOST_PEERS: usize = 6;
/// A box's height, and from one to the next.
const HIGH: i32 = 52;
const PITCH: i32 = 70;

/// One thing in the picture, by its centre.
struct Spot {
    x: i32,
    y: i32,
    width: i32,
    kind: &'static str,
    icon: &'static str,
    name: String,
    below: String,
}

/// A line from the end of one box to the beginning of another.
struct Line {
    from: (i32, i32),
    to: (i32, i32),
    class: &'static str,
}

pub(super) fn draw(html: &mut Html, view: &View<'_>, shape: Shape) {
    let picture = Picture::lay(view, shape);
    let (width, height) = picture.size;
    let (class, id) = match shape {
        Shape::Wide => ("wide", "picture-wide"),
        Shape::Tall => ("tall", "picture-tall"),
    };
    let attrs = [
        ("class", class),
        ("viewBox", &*format!("0 0 {width} {height}")),
        ("role", "img"),
        ("aria-labelledby", id),
    ];
    html.el("svg", &attrs, |html| {
        html.leaf("title", &[("id", id)], &described(view));
        for line in &picture.lines {
            let curve = curve(line, shape);
            html.leaf("path", &[("class", line.class), ("d", &curve)], "");
        }
        for spot in &picture.spots {
            spot.draw(html);
        }
    });
}

/// The same in words.
fn described(view: &View<'_>) -> String {
    let mut text = view.say(Word::PictureTitle).to_owned();
    for tunnel in view.snapshot.tunnels.iter().take(MOST_PEERS) {
        let path = peers::path(&tunnel.path, view.lang);
        text += &format!(". {} – {}: {path}", tunnel.wan, tunnel.peer);
    }
    text
}

struct Picture {
    shape: Shape,
    size: (i32, i32),
    spots: Vec<Spot>,
    lines: Vec<Line>,
}

/// Where a column begins on its axis, its boxes' width, and how many stand side by side.
struct Column {
    at: i32,
    width: i32,
    abreast: i32,
}

impl Picture {
    fn lay(view: &View<'_>, shape: Shape) -> Self {
        let snapshot = view.snapshot;
        let devices = snapshot.devices.len().clamp(1, MOST_DEVICES + 1);
        let wans = snapshot.wans.len().clamp(1, MOST_WANS);
        let tunnels = snapshot.tunnels.len().clamp(1, MOST_PEERS);
        let counts = [devices, 1, wans, 2, tunnels].map(|count| i32::try_from(count).unwrap_or(1));
        let columns = columns(shape, counts);
        let size = match shape {
            Shape::Wide => (
                1000,
                counts.into_iter().max().unwrap_or(1).max(4) * PITCH + 20,
            ),
            Shape::Tall => (
                360,
                columns[4].at + rows(counts[4], columns[4].abreast) * PITCH - PITCH / 2 + 8,
            ),
        };
        let mut picture = Self {
            shape,
            size,
            spots: Vec::new(),
            lines: Vec::new(),
        };
        picture.fill(view, &columns, counts);
        picture
    }

    /// The centre of the `nth` of `count` boxes of a column.
    fn place(&self, column: &Column, nth: usize, count: i32) -> (i32, i32) {
        let nth = i32::try_from(nth).unwrap_or(0);
        match self.shape {
            Shape::Wide => (column.at, self.size.1 * (2 * nth + 1) / (2 * count.max(1))),
            Shape::Tall => {
                let (row, at) = (nth / column.abreast, nth % column.abreast);
                let in_row = column.abreast.min(count - row * column.abreast).max(1);
                (
                    self.size.0 * (2 * at + 1) / (2 * in_row),
                    column.at + row * PITCH,
                )
            }
        }
    }

    fn fill(&mut self, view: &View<'_>, columns: &[Column; 5], counts: [i32; 5]) {
        let snapshot = view.snapshot;
        let gateway = self.place(&columns[1], 0, 1);
        self.devices(view, &columns[0], counts[0], gateway, columns[1].width);
        let half = columns[1].width / 2;
        self.spot(
            gateway,
            columns[1].width,
            "gateway",
            ICON_GATEWAY,
            label(&snapshot.status.name),
            view.say(Word::ThisGateway),
        );

        let wans: Vec<(&Wan, (i32, i32))> = snapshot
            .wans
            .iter()
            .take(MOST_WANS)
            .enumerate()
            .map(|(nth, wan)| (wan, self.place(&columns[2], nth, counts[2])))
            .collect();
        let relayed = snapshot
            .tunnels
            .iter()
            .any(|tunnel| tunnel.is_up() && tunnel.is_relayed());
        let carries = |wan: &Wan| snapshot.carries(wan);
        let first = wans.iter().find(|(wan, _)| carries(wan));
        let is_left = first.is_some_and(|(_, at)| at.0 < self.size.0 / 2);
        let (dc, relay) = self.servers(&columns[3], is_left);
        let used = |wan: &Wan| wan.active || carries(wan);
        for (wan, at) in &wans {
            let class = if used(wan) { "line on" } else { "line standby" };
            self.line(gateway, half, *at, columns[2].width / 2, class);
            if wan.active && snapshot.status.dc_state == "registered" {
                self.line(
                    *at,
                    columns[2].width / 2,
                    dc,
                    columns[3].width / 2,
                    "line word",
                );
            }
        }
        self.peers(view, columns, counts[4], &wans, relay);
        for (wan, at) in &wans {
            let below = match (wan.metered, used(wan)) {
                (true, _) => Word::Metered,
                (false, true) => Word::InUse,
                (false, false) => Word::Standby,
            };
            let kind = if used(wan) { "wan" } else { "wan off" };
            self.spot(
                *at,
                columns[2].width,
                kind,
                ICON_WAN,
                &wan.name,
                view.say(below),
            );
        }
        if wans.is_empty() {
            let at = self.place(&columns[2], 0, 1);
            self.spot(at, columns[2].width, "none", "", view.say(Word::NoWans), "");
        }
        let rtt = snapshot.status.dc_rtt_ms.map(ms).unwrap_or_default();
        let kind = if snapshot.status.dc_state == "registered" {
            "server"
        } else {
            "server off"
        };
        self.spot(
            dc,
            columns[3].width,
            kind,
            ICON_DC,
            view.say(Word::Coordinator),
            &rtt,
        );
        if relayed {
            self.spot(
                relay,
                columns[3].width,
                "server",
                ICON_RELAY,
                view.say(Word::Relay),
                "",
            );
        }
    }

    fn devices(
        &mut self,
        view: &View<'_>,
        column: &Column,
        count: i32,
        gateway: (i32, i32),
        gateway_width: i32,
    ) {
        let mut devices: Vec<_> = view.snapshot.devices.iter().collect();
        devices.sort_by_key(|device| (!device.online, device.name.clone()));
        let shown = if devices.len() > MOST_DEVICES + 1 {
            MOST_DEVICES
        } else {
            devices.len()
        };
        for (nth, device) in devices.iter().take(shown).enumerate() {
            let at = self.place(column, nth, count);
            let class = if device.online {
                "line on thin"
            } else {
                "line standby"
            };
            self.line(at, column.width / 2, gateway, gateway_width / 2, class);
            let kind = if device.online {
                "device"
            } else {
                "device off"
            };
            let name = if device.name.is_empty() {
                &device.mac
            } else {
                &device.name
            };
            self.spot(
                at,
                column.width,
                kind,
                ICON_DEVICE,
                label(name),
                &device.vip4,
            );
        }
        if devices.len() > shown {
            let at = self.place(column, shown, count);
            let more = (devices.len() - shown).to_string();
            let text = Word::MoreOf.with(view.lang, &[("n", &more)]);
            self.spot(at, column.width, "none", "", &text, "");
        }
        if devices.is_empty() {
            let at = self.place(column, 0, 1);
            self.spot(at, column.width, "none", "", view.say(Word::NoDevices), "");
        }
    }

    /// Where coordinator and relay are: at the edges, so that direct paths have the middle. In a tall picture the coordinator
    /// is where the paths do not come from.
    fn servers(&self, column: &Column, is_left: bool) -> ((i32, i32), (i32, i32)) {
        let (left, right) = (column.width / 2 + 6, self.size.0 - column.width / 2 - 6);
        match self.shape {
            Shape::Wide => (
                (column.at, HIGH / 2 + 8),
                (column.at, self.size.1 - HIGH / 2 - 8),
            ),
            Shape::Tall if is_left => ((right, column.at), (left, column.at)),
            Shape::Tall => ((left, column.at), (right, column.at)),
        }
    }

    fn peers(
        &mut self,
        view: &View<'_>,
        columns: &[Column; 5],
        count: i32,
        wans: &[(&Wan, (i32, i32))],
        relay: (i32, i32),
    ) {
        let column = &columns[4];
        let (wan_half, relay_half, half) =
            (columns[2].width / 2, columns[3].width / 2, column.width / 2);
        for (nth, tunnel) in view.snapshot.tunnels.iter().take(MOST_PEERS).enumerate() {
            let at = self.place(column, nth, count);
            for (wan, from) in wans {
                let is_used = tunnel.wan == wan.name || (tunnel.wan.is_empty() && wan.active);
                match (is_used && tunnel.is_up(), tunnel.is_relayed()) {
                    (true, true) => {
                        let class = path_class(view, tunnel, true);
                        self.line(*from, wan_half, relay, relay_half, class);
                        self.line(relay, relay_half, at, half, class);
                    }
                    (true, false) => {
                        let class = path_class(view, tunnel, false);
                        self.line(*from, wan_half, at, half, class);
                    }
                    (false, _) => self.line(*from, wan_half, at, half, "line standby"),
                }
            }
            let path = peers::path(&tunnel.path, view.lang);
            let below = match tunnel.rtt_ms {
                Some(rtt) => format!("{path}, {}", ms(rtt)),
                None => path.to_owned(),
            };
            let kind = if tunnel.is_up() { "peer" } else { "peer off" };
            self.spot(
                at,
                column.width,
                kind,
                ICON_PEER,
                label(&tunnel.peer),
                &below,
            );
        }
        if view.snapshot.tunnels.is_empty() {
            let at = self.place(column, 0, 1);
            self.spot(at, column.width, "none", "", view.say(Word::NoPeers), "");
        }
    }

    fn spot(
        &mut self,
        (x, y): (i32, i32),
        width: i32,
        kind: &'static str,
        icon: &'static str,
        name: &str,
        below: &str,
    ) {
        // About eight units to a letter, and an icon before them.
        let room =
            usize::try_from((width - if icon.is_empty() { 12 } else { 44 }) / 8).unwrap_or(8);
        self.spots.push(Spot {
            x,
            y,
            width,
            kind,
            icon,
            name: short(name, room),
            below: short(below, room + 2),
        });
    }

    fn line(
        &mut self,
        from: (i32, i32),
        from_half: i32,
        to: (i32, i32),
        to_half: i32,
        class: &'static str,
    ) {
        let (from, to) = match self.shape {
            Shape::Wide => ((from.0 + from_half, from.1), (to.0 - to_half, to.1)),
            Shape::Tall => ((from.0, from.1 + HIGH / 2), (to.0, to.1 - HIGH / 2)),
        };
        self.lines.push(Line { from, to, class });
    }
}

fn path_class(view: &View<'_>, tunnel: &Tunnel, relayed: bool) -> &'static str {
    let rate = view.meter.of(&tunnel.peer).rate;
    let flows = rate.is_some_and(|(out, into)| out + into > 1000.0);
    match (relayed, flows) {
        (false, false) => "line path",
        (false, true) => "line path flow",
        (true, false) => "line path relayed",
        (true, true) => "line path relayed flow",
    }
}

fn columns(shape: Shape, counts: [i32; 5]) -> [Column; 5] {
    let column = |at, width, abreast| Column { at, width, abreast };
    match shape {
        Shape::Wide => [
            column(92, 172, 1),
            column(308, 150, 1),
            column(492, 128, 1),
            column(690, 172, 1),
            column(898, 190, 1),
        ],
        Shape::Tall => {
            let mut at = HIGH / 2 + 4;
            let mut next = |width, abreast, count| {
                let this = column(at, width, abreast);
                at += rows(count, abreast) * PITCH + 14;
                this
            };
            [
                next(172, 2, counts[0]),
                next(172, 1, 1),
                next(if counts[2] > 2 { 112 } else { 150 }, 3, counts[2]),
                next(164, 2, 2),
                next(172, 2, counts[4]),
            ]
        }
    }
}

fn rows(count: i32, abreast: i32) -> i32 {
    (count + abreast - 1) / abreast
}

/// A curve that leaves and arrives along the picture's direction.
fn curve(line: &Line, shape: Shape) -> String {
    let ((x0, y0), (x1, y1)) = (line.from, line.to);
    match shape {
        Shape::Wide => {
            let bend = (x1 - x0) / 2;
            format!("M{x0} {y0}C{} {y0} {} {y1} {x1} {y1}", x0 + bend, x1 - bend)
        }
        Shape::Tall => {
            let bend = (y1 - y0) / 2;
            format!("M{x0} {y0}C{x0} {} {x1} {} {x1} {y1}", y0 + bend, y1 - bend)
        }
    }
}

impl Spot {
    fn draw(&self, html: &mut Html) {
        let place = format!(
            "translate({} {})",
            self.x - self.width / 2,
            self.y - HIGH / 2
        );
        let class = format!("spot {}", self.kind);
        html.el("g", &[("class", &class), ("transform", &place)], |html| {
            let width = self.width.to_string();
            html.leaf(
                "rect",
                &[("width", &width), ("height", "52"), ("rx", "14")],
                "",
            );
            html.raw(self.icon);
            let middle = (self.width / 2).to_string();
            let (x, anchor) = match self.icon {
                "" => (middle.as_str(), "middle"),
                _ => ("40", "start"),
            };
            let (first, second) = if self.below.is_empty() {
                ("31", "")
            } else {
                ("23", "40")
            };
            let at = [
                ("class", "name"),
                ("x", x),
                ("y", first),
                ("text-anchor", anchor),
            ];
            html.leaf("text", &at, &self.name);
            if !second.is_empty() {
                let at = [
                    ("class", "below"),
                    ("x", x),
                    ("y", second),
                    ("text-anchor", anchor),
                ];
                html.leaf("text", &at, &self.below);
            }
        });
    }
}

// Each 20 by 20, where a box's icon is.
const ICON_DEVICE: &str =
    "<path class=\"icon\" transform=\"translate(11 16)\" d=\"M4 3h12v9H4zM1 16h18\"/>";
const ICON_GATEWAY: &str = "<path class=\"icon\" transform=\"translate(11 16)\" d=\"M2 12h16v5H2zM6 14.5h.1M10 12V8M6 7a5 5 0 0 1 8 0M3.500 4.500a9 9 0 0 1 13 0\"/>";
const ICON_WAN: &str = "<path class=\"icon\" transform=\"translate(11 16)\" d=\"M2 10a8 8 0 1 0 16 0a8 8 0 1 0-16 0M2 10h16M10 2c-5 5-5 11 0 16M10 2c5 5 5 11 0 16\"/>";
const ICON_DC: &str = "<path class=\"icon\" transform=\"translate(11 16)\" d=\"M10 2v16M10 4h6l2 2-2 2h-6M10 10H5l-2 2 2 2h5\"/>";
const ICON_RELAY: &str =
    "<path class=\"icon\" transform=\"translate(11 16)\" d=\"M3 7h13l-4-4M17 13H4l4 4\"/>";
const ICON_PEER: &str = "<path class=\"icon\" transform=\"translate(11 16)\" d=\"M2 10l8-7 8 7M4.500 8.500V17h11V8.500M8.500 17v-5h3v5\"/>";

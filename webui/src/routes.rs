//! Every address of the page, who may use it, and what is there. There are no others.

use crate::assets::Asset;
use crate::request::Method;

/// One address.
#[derive(Clone, Copy, Debug)]
pub struct Route<W: 'static = What> {
    /// To read, or to change something.
    pub method: Method,
    /// The whole path.
    pub path: &'static str,
    /// Who may use it.
    pub guard: Guard,
    pub(crate) what: W,
}

/// Who may use an address. Changes need a token besides, whoever makes them.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Guard {
    /// Whoever is on the LAN.
    Anyone,
    /// Who knows the password.
    Owner,
}

/// What is at an address.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum What {
    Asset(Asset),
    Page(Page),
    Welcome,
    SetPassword,
    Login,
    LogIn,
    LogOut,
    Language,
    ChangePassword,
    MovesCsv,
    Live,
    Prefer,
    Ping,
    Accept,
    Device,
    ChangeDevice,
    ApiDevice,
    ApiSession,
    ApiLogIn,
    ApiShow(Part),
    ApiPrefer,
    ApiPing,
    ApiAccept,
    // Settings, and the first run.
    Begin,
    SetSettings,
    SetPolicy,
    SetDevice,
    SetWays,
    Import,
    Export,
    Restart,
    Diagnostics,
    ApiSettings,
    ApiSetSettings,
    ApiLog,
    ApiRestart,
}

/// A page of the menu.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Page {
    Home,
    Devices,
    Peers,
    Moves,
    Wans,
    Settings,
    Log,
    Password,
}

impl Page {
    pub(crate) const ALL: [Self; 8] = [
        Self::Home,
        Self::Devices,
        Self::Peers,
        Self::Moves,
        Self::Wans,
        Self::Settings,
        Self::Log,
        Self::Password,
    ];

    /// Whether it is in the menu; else another page leads to it.
    pub(crate) fn is_in_menu(self) -> bool {
        !matches!(self, Self::Log | Self::Password)
    }

    /// Whether what it shows changes by itself. Nothing changes under somebody's hands who fills in a form.
    pub(crate) fn is_live(self) -> bool {
        !matches!(self, Self::Settings | Self::Log | Self::Password)
    }

    pub(crate) fn path(self) -> &'static str {
        match self {
            Self::Home => "/",
            Self::Devices => "/devices",
            Self::Peers => "/peers",
            Self::Moves => "/moves",
            Self::Wans => "/wans",
            Self::Settings => "/settings",
            Self::Log => "/log",
            Self::Password => "/password",
        }
    }
}

/// A member of the snapshot.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Part {
    Status,
    Devices,
    Tunnels,
    Wans,
    Handovers,
}

impl Part {
    pub(crate) fn member(self) -> &'static str {
        match self {
            Self::Status => "status",
            Self::Devices => "devices",
            Self::Tunnels => "tunnels",
            Self::Wans => "wans",
            Self::Handovers => "handovers",
        }
    }
}

pub(crate) const fn get<W: Copy>(path: &'static str, guard: Guard, what: W) -> Route<W> {
    Route {
        method: Method::Get,
        path,
        guard,
        what,
    }
}

pub(crate) const fn post<W: Copy>(path: &'static str, guard: Guard, what: W) -> Route<W> {
    Route {
        method: Method::Post,
        path,
        guard,
        what,
    }
}

const fn put(path: &'static str, guard: Guard, what: What) -> Route {
    Route {
        method: Method::Put,
        path,
        guard,
        what,
    }
}

/// All of them.
pub const ROUTES: &[Route] = &[
    get("/style.css", Guard::Anyone, What::Asset(Asset::Style)),
    get("/live.js", Guard::Anyone, What::Asset(Asset::Script)),
    get("/icon.svg", Guard::Anyone, What::Asset(Asset::Icon)),
    get("/welcome", Guard::Anyone, What::Welcome),
    post("/welcome", Guard::Anyone, What::SetPassword),
    get("/login", Guard::Anyone, What::Login),
    post("/login", Guard::Anyone, What::LogIn),
    post("/language", Guard::Anyone, What::Language),
    post("/logout", Guard::Owner, What::LogOut),
    get("/", Guard::Owner, What::Page(Page::Home)),
    get("/devices", Guard::Owner, What::Page(Page::Devices)),
    get("/device", Guard::Owner, What::Device),
    post("/device", Guard::Owner, What::ChangeDevice),
    get("/peers", Guard::Owner, What::Page(Page::Peers)),
    post("/peers", Guard::Owner, What::Ping),
    post("/peers/accept", Guard::Owner, What::Accept),
    get("/moves", Guard::Owner, What::Page(Page::Moves)),
    get("/moves.csv", Guard::Owner, What::MovesCsv),
    get("/wans", Guard::Owner, What::Page(Page::Wans)),
    post("/wans", Guard::Owner, What::Prefer),
    get("/password", Guard::Owner, What::Page(Page::Password)),
    post("/password", Guard::Owner, What::ChangePassword),
    get("/live", Guard::Owner, What::Live),
    get(
        "/api/v1/openapi.json",
        Guard::Anyone,
        What::Asset(Asset::OpenApi),
    ),
    get("/api/v1/session", Guard::Anyone, What::ApiSession),
    post("/api/v1/session", Guard::Anyone, What::ApiLogIn),
    get("/api/v1/status", Guard::Owner, What::ApiShow(Part::Status)),
    get(
        "/api/v1/devices",
        Guard::Owner,
        What::ApiShow(Part::Devices),
    ),
    get(
        "/api/v1/tunnels",
        Guard::Owner,
        What::ApiShow(Part::Tunnels),
    ),
    get("/api/v1/wans", Guard::Owner, What::ApiShow(Part::Wans)),
    get(
        "/api/v1/handovers",
        Guard::Owner,
        What::ApiShow(Part::Handovers),
    ),
    post("/api/v1/device", Guard::Owner, What::ApiDevice),
    post("/api/v1/wan", Guard::Owner, What::ApiPrefer),
    post("/api/v1/ping", Guard::Owner, What::ApiPing),
    post("/api/v1/accept", Guard::Owner, What::ApiAccept),
    // Settings, and the first run.
    post("/setup", Guard::Owner, What::Begin),
    get("/settings", Guard::Owner, What::Page(Page::Settings)),
    post("/settings", Guard::Owner, What::SetSettings),
    post("/settings/policy", Guard::Owner, What::SetPolicy),
    post("/settings/device", Guard::Owner, What::SetDevice),
    post("/settings/ways", Guard::Owner, What::SetWays),
    post("/settings/import", Guard::Owner, What::Import),
    get("/settings/export", Guard::Owner, What::Export),
    post("/restart", Guard::Owner, What::Restart),
    get("/log", Guard::Owner, What::Page(Page::Log)),
    get("/diagnostics.json", Guard::Owner, What::Diagnostics),
    get("/api/v1/settings", Guard::Owner, What::ApiSettings),
    put("/api/v1/settings", Guard::Owner, What::ApiSetSettings),
    get("/api/v1/log", Guard::Owner, What::ApiLog),
    post("/api/v1/restart", Guard::Owner, What::ApiRestart),
];

/// What a look into the table gives.
pub(crate) enum Found<W: 'static> {
    Route(&'static Route<W>),
    /// The path is there, for another method.
    OtherMethod,
    Nothing,
}

/// Looks a path up.
pub(crate) fn find<W>(routes: &'static [Route<W>], method: Method, path: &str) -> Found<W> {
    let mut found = Found::Nothing;
    for route in routes.iter().filter(|route| route.path == path) {
        if route.method == method {
            return Found::Route(route);
        }
        found = Found::OtherMethod;
    }
    found
}

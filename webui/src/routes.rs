//! Every address of the page, who may use it, and what is there. There are no others.

use crate::api::Call;
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
    ApiSession,
    ApiLogIn,
    Api(Call),
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

/// What the gateway can show, each by itself.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Part {
    /// The gateway in one look.
    Status,
    /// LAN devices.
    Devices,
    /// Tunnels.
    Tunnels,
    /// WANs.
    Wans,
    /// The last handovers.
    Handovers,
    /// Who may begin something with whom.
    Policies,
}

impl Part {
    /// All of them.
    pub const ALL: [Self; 6] = [
        Self::Status,
        Self::Devices,
        Self::Tunnels,
        Self::Wans,
        Self::Handovers,
        Self::Policies,
    ];

    /// Its name: a member of the snapshot, the end of its path, and a command.
    pub const fn name(self) -> &'static str {
        match self {
            Self::Status => "status",
            Self::Devices => "devices",
            Self::Tunnels => "tunnels",
            Self::Wans => "wans",
            Self::Handovers => "handovers",
            Self::Policies => "policies",
        }
    }

    /// By its name.
    pub fn parse(name: &str) -> Option<Self> {
        Self::ALL.into_iter().find(|part| part.name() == name)
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

const fn call(method: Method, path: &'static str, call: Call) -> Route {
    Route {
        method,
        path,
        guard: Guard::Owner,
        what: What::Api(call),
    }
}

const fn show(path: &'static str, part: Part) -> Route {
    call(Method::Get, path, Call::Show(part))
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
    show("/api/v1/status", Part::Status),
    show("/api/v1/devices", Part::Devices),
    show("/api/v1/tunnels", Part::Tunnels),
    show("/api/v1/wans", Part::Wans),
    show("/api/v1/handovers", Part::Handovers),
    show("/api/v1/policies", Part::Policies),
    call(Method::Post, "/api/v1/device", Call::Device),
    call(Method::Post, "/api/v1/wan", Call::Prefer),
    call(Method::Post, "/api/v1/ping", Call::Ping),
    call(Method::Post, "/api/v1/accept", Call::Accept),
    call(Method::Get, "/api/v1/settings", Call::Settings),
    call(Method::Put, "/api/v1/settings", Call::SetSettings),
    call(Method::Post, "/api/v1/reload", Call::Reload),
    call(Method::Get, "/api/v1/log", Call::Log),
    call(Method::Post, "/api/v1/restart", Call::Restart),
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

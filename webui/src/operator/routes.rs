//! Every address of the operator's pages.

use super::act::Act;
use crate::assets::Asset;
use crate::routes::{Guard, Route, get, post};

/// What is at an address.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum What {
    Asset(Asset),
    Style,
    OpenApi,
    Page(Page),
    Login,
    LogIn,
    LogOut,
    Language,
    ChangePassword,
    Change(Act),
    Backup,
    Live,
    ApiSession,
    ApiLogIn,
    ApiLook(Page),
    ApiChange(Act),
}

/// A page.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Page {
    /// The domain at one look.
    Overview,
    /// The gateways, as a table.
    Gateways,
    /// One gateway, and what hangs on it.
    Gateway,
    /// The devices, as a table.
    Devices,
    /// The relays and their load.
    Relays,
    /// Enrolment codes.
    Codes,
    /// Accounts and groups.
    Accounts,
    /// Other domains that are trusted.
    Domains,
    /// What happened.
    Events,
    /// A copy of the store.
    Backup,
    /// The password.
    Password,
}

impl Page {
    pub(super) const ALL: [Self; 11] = [
        Self::Overview,
        Self::Gateways,
        Self::Gateway,
        Self::Devices,
        Self::Relays,
        Self::Codes,
        Self::Accounts,
        Self::Domains,
        Self::Events,
        Self::Backup,
        Self::Password,
    ];

    pub(super) fn path(self) -> &'static str {
        match self {
            Self::Overview => "/",
            Self::Gateways => "/gateways",
            Self::Gateway => "/gateway",
            Self::Devices => "/devices",
            Self::Relays => "/relays",
            Self::Codes => "/codes",
            Self::Accounts => "/accounts",
            Self::Domains => "/domains",
            Self::Events => "/events",
            Self::Backup => "/backup",
            Self::Password => "/password",
        }
    }

    /// Whether it is in the menu.
    pub(super) fn is_listed(self) -> bool {
        self != Self::Gateway
    }

    /// Whether it changes while one looks at it.
    pub(super) fn is_live(self) -> bool {
        !matches!(self, Self::Password | Self::Backup)
    }
}

const OWNER: Guard = Guard::Owner;
const ANYONE: Guard = Guard::Anyone;

/// All of them.
pub const ROUTES: &[Route<What>] = &[
    get("/style.css", ANYONE, What::Style),
    get("/live.js", ANYONE, What::Asset(Asset::Script)),
    get("/icon.svg", ANYONE, What::Asset(Asset::Icon)),
    get("/login", ANYONE, What::Login),
    post("/login", ANYONE, What::LogIn),
    post("/language", ANYONE, What::Language),
    post("/logout", OWNER, What::LogOut),
    get("/", OWNER, What::Page(Page::Overview)),
    get("/gateways", OWNER, What::Page(Page::Gateways)),
    get("/gateway", OWNER, What::Page(Page::Gateway)),
    post("/nodes/remove", OWNER, What::Change(Act::RemoveNode)),
    get("/devices", OWNER, What::Page(Page::Devices)),
    get("/relays", OWNER, What::Page(Page::Relays)),
    get("/codes", OWNER, What::Page(Page::Codes)),
    post("/codes", OWNER, What::Change(Act::MakeCode)),
    post("/codes/revoke", OWNER, What::Change(Act::RevokeCode)),
    get("/accounts", OWNER, What::Page(Page::Accounts)),
    post("/accounts", OWNER, What::Change(Act::AddAccount)),
    post("/accounts/remove", OWNER, What::Change(Act::RemoveAccount)),
    post("/groups/join", OWNER, What::Change(Act::Join)),
    post("/groups/leave", OWNER, What::Change(Act::Leave)),
    get("/domains", OWNER, What::Page(Page::Domains)),
    post("/domains", OWNER, What::Change(Act::Trust)),
    post("/domains/forget", OWNER, What::Change(Act::Forget)),
    get("/events", OWNER, What::Page(Page::Events)),
    get("/backup", OWNER, What::Page(Page::Backup)),
    post("/backup", OWNER, What::Backup),
    get("/password", OWNER, What::Page(Page::Password)),
    post("/password", OWNER, What::ChangePassword),
    get("/live", OWNER, What::Live),
    get("/api/v1/openapi.json", ANYONE, What::OpenApi),
    get("/api/v1/session", ANYONE, What::ApiSession),
    post("/api/v1/session", ANYONE, What::ApiLogIn),
    get("/api/v1/overview", OWNER, What::ApiLook(Page::Overview)),
    get("/api/v1/gateways", OWNER, What::ApiLook(Page::Gateways)),
    get("/api/v1/gateway", OWNER, What::ApiLook(Page::Gateway)),
    post(
        "/api/v1/nodes/remove",
        OWNER,
        What::ApiChange(Act::RemoveNode),
    ),
    get("/api/v1/devices", OWNER, What::ApiLook(Page::Devices)),
    get("/api/v1/relays", OWNER, What::ApiLook(Page::Relays)),
    get("/api/v1/codes", OWNER, What::ApiLook(Page::Codes)),
    post("/api/v1/codes", OWNER, What::ApiChange(Act::MakeCode)),
    post(
        "/api/v1/codes/revoke",
        OWNER,
        What::ApiChange(Act::RevokeCode),
    ),
    get("/api/v1/accounts", OWNER, What::ApiLook(Page::Accounts)),
    post("/api/v1/accounts", OWNER, What::ApiChange(Act::AddAccount)),
    post(
        "/api/v1/accounts/remove",
        OWNER,
        What::ApiChange(Act::RemoveAccount),
    ),
    post("/api/v1/groups/join", OWNER, What::ApiChange(Act::Join)),
    post("/api/v1/groups/leave", OWNER, What::ApiChange(Act::Leave)),
    get("/api/v1/domains", OWNER, What::ApiLook(Page::Domains)),
    post("/api/v1/domains", OWNER, What::ApiChange(Act::Trust)),
    post(
        "/api/v1/domains/forget",
        OWNER,
        What::ApiChange(Act::Forget),
    ),
    get("/api/v1/events", OWNER, What::ApiLook(Page::Events)),
    post("/api/v1/backup", OWNER, What::Backup),
];

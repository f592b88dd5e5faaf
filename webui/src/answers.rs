//! What each route does, once who asks has been let in.

use crate::api::Call;
use crate::kind::{Asker, Gateway, Kind};
use crate::logins::password_page;
use crate::pages::{self, Filter, View};
use crate::request::{Fields, Request, Response};
use crate::routes::{Page, What};
use crate::snapshot::Snapshot;
use crate::words::{Lang, Word};
use crate::{Ask, LANGUAGE, Pending, Site, Step, Watch, YEAR_S, api, change, settings};
use serde_json::{Value, json};
use std::time::Instant;

/// What is done with the result of a question.
#[derive(Debug)]
pub enum After {
    Page(Page),
    MovesCsv,
    Api(Call),
    /// What was asked for, to be said on the page it was asked on.
    Pinged(String),
    Preferred,
    Accepted,
    /// The page about the device with this hardware address.
    Device(String),
    DeviceChanged,
    Settings,
    Log(Filter),
    /// What was asked for, to be shown again where it is refused.
    Changed(Value),
    Exported,
    Diagnosed,
    Restarted,
    /// What was entered.
    Begun(Value),
    /// The password is kept: who set it is logged in. `before`: what it was, should it not be kept.
    Kept {
        phc: String,
        before: Option<String>,
    },
}

/// A result.
pub struct Done<K: Kind = Gateway> {
    pub(crate) after: K::After,
    pub(crate) result: Result<Value, String>,
}

impl Site {
    pub(crate) fn answer(
        &mut self,
        what: What,
        request: &Request,
        asker: Asker,
        now: Instant,
    ) -> Step {
        let fields = || Fields::parse(&request.body);
        let ask = |ask, after| {
            Step::Ask(
                ask,
                Pending {
                    after,
                    lang: asker.lang,
                    session: asker.session,
                },
            )
        };
        let change = |asked: Value| ask(Ask::Change(asked.clone()), After::Changed(asked));
        Step::Answer(match what {
            What::Asset(asset) => asset.response(request),
            What::Page(Page::Password) => password_page::<Gateway>(200, None, &asker),
            What::Page(Page::Settings) => return ask(Ask::Settings, After::Settings),
            What::Page(Page::Log) => {
                let query = request.query();
                let (level, text) = (query.get("level").to_owned(), query.get("text").to_owned());
                return ask(Ask::Log, After::Log(Filter { level, text }));
            }
            What::Page(page) => return ask(Ask::Show, After::Page(page)),
            What::MovesCsv => return ask(Ask::Show, After::MovesCsv),
            What::Api(call) => match call.ask(request) {
                Ok(asked) => return ask(asked, After::Api(call)),
                Err(response) => response,
            },
            What::Live => return watch(request, &asker),
            What::Welcome => self.welcome(&asker),
            What::SetPassword => return self.set_first(&fields(), &asker),
            What::Login => self.login(&asker),
            What::LogIn => self.log_in(fields().get("password"), request, &asker, now),
            What::LogOut => self.log_out(&asker),
            What::Language => language(&fields()),
            What::ChangePassword => return self.change(&fields(), request, &asker, now),
            What::Prefer => {
                let name = fields().get("wan").to_owned();
                return ask(Ask::Prefer(some(name)), After::Preferred);
            }
            What::Ping => {
                let name = fields().get("name").trim().to_owned();
                if name.is_empty() || name.len() > api::MAX_NAME {
                    return Step::Answer(Response::see("/peers"));
                }
                return ask(Ask::Ping(name.clone()), After::Pinged(name));
            }
            What::Accept => {
                let name = fields().get("peer").to_owned();
                if name.is_empty() || name.len() > api::MAX_NAME {
                    return Step::Answer(Response::see("/peers"));
                }
                return ask(Ask::Accept(name), After::Accepted);
            }
            What::Device => {
                let mac = request.query().get("mac").to_owned();
                return ask(Ask::Show, After::Device(mac));
            }
            What::ChangeDevice => match change::entered(&fields()) {
                Some(change) => return ask(Ask::Device(change), After::DeviceChanged),
                None => Response::see("/devices"),
            },
            What::ApiSession => Response::json(
                200,
                &json!({"owner": asker.session.is_some(), "password": self.password.is_some(), "token": asker.token}),
            ),
            What::ApiLogIn => match api::word(request, "password") {
                Ok(password) => self.api_log_in(&password, request, now),
                Err(response) => response,
            },
            What::Begin => {
                let asked = pages::first_asked(&fields());
                return ask(Ask::Begin(asked.clone()), After::Begun(asked));
            }
            What::SetSettings => return change(settings::set(&fields())),
            What::SetPolicy => return change(settings::policy(&fields())),
            What::SetDevice => return change(settings::device(&fields())),
            What::SetWays => return change(settings::ways(&fields())),
            What::Import => return change(settings::import(&fields())),
            What::Export => return ask(Ask::Export, After::Exported),
            What::Restart => return ask(Ask::Restart, After::Restarted),
            What::Diagnostics => return ask(Ask::Diagnose, After::Diagnosed),
        })
    }

    pub(crate) fn done(&mut self, done: Done, asker: &Asker, now: Instant) -> Response {
        let Done { after, result } = done;
        match after {
            After::Page(page) => {
                self.forget_said(page.path(), asker, now);
                let main = self.fragment(page, &result, asker, now);
                let status = if result.is_ok() { 200 } else { 503 };
                Response::html(
                    status,
                    pages::whole(Some(page), main, asker.lang, &asker.token),
                )
            }
            After::MovesCsv => match result {
                Ok(value) => Response::file(
                    "text/csv; charset=utf-8",
                    "ntm-moves.csv",
                    pages::moves_csv(&Snapshot::read(&value)),
                ),
                Err(_) => Response::text(503, "The gateway does not answer."),
            },
            After::Api(call) => call.answer(result),
            After::Pinged(name) => {
                let text = pages::pinged(&name, &result, asker.lang);
                self.say(asker, Page::Peers, text, now);
                Response::see("/peers")
            }
            After::Preferred => {
                if let Err(error) = result {
                    self.say(asker, Page::Wans, error, now);
                }
                Response::see("/wans")
            }
            After::Accepted => {
                if let Err(error) = result {
                    self.say(asker, Page::Peers, error, now);
                }
                Response::see("/peers")
            }
            After::Device(mac) => change::page(&result, &mac, asker),
            After::DeviceChanged => {
                if let Err(error) = result {
                    self.say(asker, Page::Devices, error, now);
                }
                Response::see("/devices")
            }
            After::Settings => match result {
                Ok(value) => self.settings(&value, asker, now),
                Err(_) => self.silent(Page::Settings, asker),
            },
            After::Log(filter) => {
                let lines = result.unwrap_or_default();
                let lines = lines.as_array().into_iter().flatten();
                let lines: Vec<String> = lines
                    .filter_map(|it| Some(it.as_str()?.to_owned()))
                    .collect();
                let main = pages::log(asker.lang, &asker.token, &self.own, &lines, &filter);
                let page = pages::whole(Some(Page::Log), main, asker.lang, &asker.token);
                Response::html(200, page)
            }
            After::Changed(asked) => self.changed(&asked, result, asker, now),
            After::Exported => match result {
                Ok(value) => {
                    let [name, text] =
                        ["name", "text"].map(|it| value[it].as_str().unwrap_or_default());
                    Response::file("text/plain; charset=utf-8", name, text.to_owned())
                }
                Err(_) => Response::text(503, "The gateway does not answer."),
            },
            After::Diagnosed => match result {
                Ok(value) => {
                    let text = serde_json::to_string_pretty(&value).unwrap_or_default();
                    Response::file("application/json", "ntm-diagnostics.json", text)
                }
                Err(_) => Response::text(503, "The gateway does not answer."),
            },
            After::Restarted => {
                let said = result.map(|_| Word::Restarting.say(asker.lang).to_owned());
                let said = said.unwrap_or_else(|error| error);
                self.say(asker, Page::Home, said, now);
                Response::see("/")
            }
            After::Begun(entered) => match result {
                Ok(value) if value["done"].is_null() => {
                    let view = View {
                        lang: asker.lang,
                        snapshot: &Snapshot::default(),
                        meter: &self.own,
                        token: &asker.token,
                        said: None,
                    };
                    let main = pages::first(&view, &value, Some(&entered));
                    // Not live: what was entered stays until it is right.
                    Response::html(422, pages::whole(None, main, asker.lang, &asker.token))
                }
                Ok(_) => Response::see("/"),
                Err(error) => {
                    self.say(asker, Page::Home, error, now);
                    Response::see("/")
                }
            },
            After::Kept { phc, before } => self.kept(phc, before, result, now),
        }
    }

    /// What is inside `main` on a page.
    pub(crate) fn fragment(
        &mut self,
        page: Page,
        result: &Result<Value, String>,
        asker: &Asker,
        now: Instant,
    ) -> String {
        let Ok(value) = result else {
            return pages::unreachable(asker.lang);
        };
        let snapshot = Snapshot::read(value);
        let is_first = value.get("first").is_some();
        if !is_first {
            self.own.read(&snapshot, now);
        }
        let session = asker.session.and_then(|key| self.sessions.get(&key, now));
        let view = View {
            lang: asker.lang,
            snapshot: &snapshot,
            meter: &self.own,
            token: &asker.token,
            said: session.and_then(|session| session.said_on(page.path())),
        };
        if is_first {
            return pages::first(&view, value, None);
        }
        pages::main(page, &view)
    }

    /// A page of a daemon that says nothing.
    fn silent(&self, page: Page, asker: &Asker) -> Response {
        let main = pages::unreachable(asker.lang);
        Response::html(
            503,
            pages::whole(Some(page), main, asker.lang, &asker.token),
        )
    }

    pub(crate) fn say(&mut self, asker: &Asker, page: Page, text: String, now: Instant) {
        self.say_at(asker, page.path(), text, now);
    }
}

/// What is said once, on one page.
impl<K: Kind> Site<K> {
    /// Says something on the page at `path`, to this session.
    pub(crate) fn say_at(&mut self, asker: &Asker, path: &'static str, text: String, now: Instant) {
        let session = asker.session.and_then(|key| self.sessions.get(&key, now));
        if let Some(session) = session {
            session.said = Some((path, text));
        }
    }

    /// What was said on one page is over when another is looked at.
    pub(crate) fn forget_said(&mut self, path: &str, asker: &Asker, now: Instant) {
        let session = asker.session.and_then(|key| self.sessions.get(&key, now));
        if let Some(session) = session {
            session.said.take_if(|(on, _)| *on != path);
        }
    }
}

fn watch(request: &Request, asker: &Asker) -> Step {
    let query = request.query();
    let page = Page::ALL
        .into_iter()
        .find(|page| page.path() == query.get("page") && page.is_live());
    match (page, asker.session) {
        (Some(page), Some(session)) => Step::Watch(Watch {
            page,
            lang: asker.lang,
            session,
        }),
        _ => Step::Answer(Response::text(404, "There is no such page.")),
    }
}

fn language(fields: &Fields) -> Response {
    let lang = Lang::parse(fields.get("language")).unwrap_or(Lang::En);
    let back = Page::ALL
        .into_iter()
        .find(|page| page.path() == fields.get("back"));
    let back = back.map_or("/", Page::path);
    Response::see(back).with_cookie(LANGUAGE, lang.code(), YEAR_S)
}

fn some(text: String) -> Option<String> {
    (!text.is_empty()).then_some(text)
}

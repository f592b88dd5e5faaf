//! What each route does, once who asks has been let in.

use super::act::{Act, Change};
use super::routes::{Page, What};
use super::words::Word;
use super::{Ask, Operator, Sight, pages};
use crate::answers::Done;
use crate::api;
use crate::assets;
use crate::kind::Asker;
use crate::logins::password_page;
use crate::request::{Fields, Request, Response};
use crate::words::Lang;
use crate::{LANGUAGE, Pending, Site, Step, Watch, YEAR_S};
use serde_json::{Value, json};
use std::path::PathBuf;
use std::time::Instant;

/// What is done with the result of a question.
#[derive(Debug)]
pub enum After {
    Page(Sight),
    ApiResult,
    Changed(Change),
    Backup,
    Kept { phc: String, before: Option<String> },
}

impl Site<Operator> {
    pub(super) fn serve(
        &mut self,
        what: What,
        request: &Request,
        asker: Asker,
        now: Instant,
    ) -> Step<Operator> {
        let fields = || Fields::parse(&request.body);
        let ask = |ask, after| {
            let pending = Pending {
                after,
                lang: asker.lang,
                session: asker.session,
            };
            Step::Ask(ask, pending)
        };
        Step::Answer(match what {
            What::Asset(asset) => asset.response(request),
            What::Style => assets::operator_style(request),
            What::OpenApi => assets::operator_api(request),
            What::Page(Page::Password) => password_page::<Operator>(200, None, &asker),
            What::Page(page) => {
                let sight = Sight::of(page, &request.query());
                return ask(Ask::Look(sight.clone()), After::Page(sight));
            }
            What::ApiLook(page) => {
                let sight = Sight::of(page, &request.query());
                return ask(Ask::Look(sight), After::ApiResult);
            }
            What::Live => return watch(request, &asker),
            What::Login => self.login(&asker),
            What::LogIn => self.log_in(fields().get("password"), request, &asker, now),
            What::LogOut => self.log_out(&asker),
            What::Language => language(&fields()),
            What::ChangePassword => return self.change(&fields(), request, &asker, now),
            What::Change(act) => match form(act, &fields(), asker.lang) {
                Ok(change) => return ask(Ask::Change(change.clone()), After::Changed(change)),
                Err(text) => {
                    self.say_at(&asker, act.page().path(), text, now);
                    Response::see(act.page().path())
                }
            },
            What::ApiChange(act) => match body(act, request) {
                Ok(change) => return ask(Ask::Change(change), After::ApiResult),
                Err(response) => response,
            },
            What::Backup => return ask(Ask::Backup, After::Backup),
            What::ApiSession => Response::json(
                200,
                &json!({"owner": asker.session.is_some(), "password": self.password.is_some(), "token": asker.token}),
            ),
            What::ApiLogIn => match api::word(request, "password") {
                Ok(password) => self.api_log_in(&password, request, now),
                Err(response) => response,
            },
        })
    }

    pub(super) fn follow(&mut self, done: Done<Operator>, asker: &Asker, now: Instant) -> Response {
        let Done { after, result } = done;
        match after {
            After::Page(sight) => {
                self.forget_said(sight.page.path(), asker, now);
                let main = self.inside(&sight, &result, asker, now);
                let status = if result.is_ok() { 200 } else { 503 };
                let page = Some(sight.page);
                Response::html(
                    status,
                    pages::whole(page, Some(&sight), &main, asker.lang, &asker.token),
                )
            }
            After::ApiResult => match result {
                Ok(value) => Response::json(200, &value),
                Err(why) => api::wrong(&why),
            },
            After::Changed(change) => self.changed(&change, result, asker, now),
            After::Backup => match result {
                Ok(value) => {
                    let text = |name: &str| value[name].as_str().unwrap_or_default().to_owned();
                    let kind = "application/vnd.sqlite3";
                    let mut response = Response::file(kind, &text("name"), String::new());
                    response.from = Some(PathBuf::from(text("file")));
                    response
                }
                Err(why) => {
                    self.say_at(asker, Page::Backup.path(), why, now);
                    Response::see(Page::Backup.path())
                }
            },
            After::Kept { phc, before } => self.kept(phc, before, result, now),
        }
    }

    /// A code is in the answer to its own form and nowhere else: it is never kept, and never shown again.
    fn changed(
        &mut self,
        change: &Change,
        result: Result<Value, String>,
        asker: &Asker,
        now: Instant,
    ) -> Response {
        let path = change.act.page().path();
        match (change.act, result) {
            (Act::MakeCode, Ok(value)) => {
                let main = pages::made(&value, asker.lang);
                let page = Some(Page::Codes);
                Response::html(
                    200,
                    pages::whole(page, None, &main, asker.lang, &asker.token),
                )
            }
            (act, Ok(value)) => {
                let name = value["name"].as_str().unwrap_or(&change.values[0]);
                let text = act.done().with(asker.lang, &[("name", name)]);
                self.say_at(asker, path, text, now);
                Response::see(path)
            }
            (_, Err(why)) => {
                self.say_at(asker, path, why, now);
                Response::see(path)
            }
        }
    }

    /// What is inside `main` on a page.
    pub(super) fn inside(
        &mut self,
        sight: &Sight,
        result: &Result<Value, String>,
        asker: &Asker,
        now: Instant,
    ) -> String {
        let session = asker.session.and_then(|key| self.sessions.get(&key, now));
        let view = pages::View {
            lang: asker.lang,
            sight,
            token: &asker.token,
            said: session.and_then(|session| session.said_on(sight.page.path())),
        };
        match result {
            Ok(value) => pages::main(value, &view),
            Err(why) => pages::unreachable(why, asker.lang),
        }
    }
}

fn form(act: Act, fields: &Fields, lang: Lang) -> Result<Change, String> {
    let change = act.change(|name| fields.get(name).to_owned());
    let change = change.map_err(|name| Word::Missing.with(lang, &[("name", name)]))?;
    if act.is_final() && fields.get("sure").trim() != change.values[0] {
        return Err(Word::NotSure.with(lang, &[("name", &change.values[0])]));
    }
    Ok(change)
}

fn body(act: Act, request: &Request) -> Result<Change, Response> {
    if !request.is_json() {
        let error = json!({"error": "send Content-Type: application/json"});
        return Err(Response::json(415, &error));
    }
    let body: Value = serde_json::from_slice(&request.body).unwrap_or_default();
    for name in act.fields() {
        if !matches!(body.get(name), None | Some(Value::Null | Value::String(_))) {
            return Err(api::wrong(&format!("{name} must be a text")));
        }
    }
    let text = |name: &str| body[name].as_str().unwrap_or_default().to_owned();
    act.change(text)
        .map_err(|name| api::wrong(&format!("send an object with the text {name:?}")))
}

fn watch(request: &Request, asker: &Asker) -> Step<Operator> {
    let query = request.query();
    let (path, rest) = query
        .get("page")
        .split_once('?')
        .unwrap_or((query.get("page"), ""));
    let page = Page::ALL
        .into_iter()
        .find(|page| page.path() == path && page.is_live());
    match (page, asker.session) {
        (Some(page), Some(session)) => Step::Watch(Watch {
            page: Sight::of(page, &Fields::parse(rest.as_bytes())),
            lang: asker.lang,
            session,
        }),
        _ => Step::Answer(Response::text(404, "There is no such page.")),
    }
}

fn language(fields: &Fields) -> Response {
    let lang = Lang::parse(fields.get("language")).unwrap_or(Lang::En);
    let mut pages = Page::ALL.into_iter().filter(|page| page.is_listed());
    let back = pages.find(|page| page.path() == fields.get("back"));
    let back = back.map_or("/", Page::path);
    Response::see(back).with_cookie(LANGUAGE, lang.code(), YEAR_S)
}

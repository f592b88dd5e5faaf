//! Setting, asking for and changing the password.

use super::{Notice, form};
use crate::html::Html;
use crate::kind::{Kind, Text};
use crate::logins::seconds;
use crate::request::Response;
use crate::words::{Lang, Word};

/// The first visit.
pub(crate) fn welcome<K: Kind>(
    status: u16,
    notice: Option<&Notice>,
    lang: Lang,
    token: &str,
) -> Response {
    let mut html = Html::default();
    let text = Word::WelcomeText.say(lang);
    begin(&mut html, Word::Welcome, text, notice, lang);
    form(&mut html, "/welcome", token, |html| {
        new_password(html, lang);
        html.leaf("button", &[], Word::SetPassword.say(lang));
    });
    Response::html(status, K::whole(None, html.into_string(), lang, token))
}

/// Who are you?
pub(crate) fn login<K: Kind>(
    status: u16,
    notice: Option<&Notice>,
    lang: Lang,
    token: &str,
) -> Response {
    let mut html = Html::default();
    begin(
        &mut html,
        Word::Login,
        K::say(Text::Login, lang),
        notice,
        lang,
    );
    form(&mut html, "/login", token, |html| {
        field(
            html,
            "password",
            "current-password",
            Word::Password,
            true,
            lang,
        );
        html.leaf("button", &[], Word::Login.say(lang));
    });
    html.leaf("p", &[("class", "hint")], K::say(Text::Forgotten, lang));
    Response::html(status, K::whole(None, html.into_string(), lang, token))
}

/// Another password.
pub(crate) fn password<K: Kind>(
    status: u16,
    notice: Option<&Notice>,
    lang: Lang,
    token: &str,
) -> Response {
    let mut html = Html::default();
    let text = Word::ChangeText.say(lang);
    begin(&mut html, Word::Password, text, notice, lang);
    form(&mut html, "/password", token, |html| {
        field(
            html,
            "password",
            "current-password",
            Word::OldPassword,
            false,
            lang,
        );
        new_password(html, lang);
        html.leaf("button", &[], Word::ChangePassword.say(lang));
    });
    Response::html(
        status,
        K::whole(Some("/password"), html.into_string(), lang, token),
    )
}

fn begin(html: &mut Html, title: Word, text: &str, notice: Option<&Notice>, lang: Lang) {
    html.leaf("h1", &[], title.say(lang));
    html.leaf("p", &[("class", "lead")], text);
    let notice = notice.map(|notice| match notice {
        Notice::Wrong(word) => word.say(lang).to_owned(),
        Notice::Wait(left) => Word::Wait.with(lang, &[("n", &seconds(*left).to_string())]),
    });
    if let Some(text) = notice {
        html.leaf(
            "p",
            &[("class", "notice bad"), ("role", "alert"), ("id", "notice")],
            &text,
        );
    }
}

fn new_password(html: &mut Html, lang: Lang) {
    field(html, "new", "new-password", Word::NewPassword, false, lang);
    html.leaf("p", &[("class", "hint")], Word::PasswordRule.say(lang));
    field(html, "again", "new-password", Word::Again, false, lang);
}

fn field(
    html: &mut Html,
    name: &'static str,
    kind: &'static str,
    label: Word,
    first: bool,
    lang: Lang,
) {
    html.leaf("label", &[("for", name)], label.say(lang));
    let mut attrs = vec![
        ("type", "password"),
        ("id", name),
        ("name", name),
        ("autocomplete", kind),
        ("required", ""),
    ];
    if first {
        attrs.push(("autofocus", ""));
    }
    html.open("input", &attrs);
}

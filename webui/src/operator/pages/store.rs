//! A copy of the store, and what is not in it.

use super::{View, begin, number, text};
use crate::html::Html;
use crate::operator::words::Word;
use crate::pages::{bytes, form};
use serde_json::Value;

pub(super) fn page(html: &mut Html, value: &Value, view: &View<'_>) {
    begin(html, Word::Backup, Some(view.say(Word::BackupText)), view);
    html.el("section", &[("class", "card")], |html| {
        html.leaf("h2", &[], view.say(Word::StoreSize));
        html.leaf("p", &[("class", "figure")], &bytes(number(&value["bytes"])));
        form(html, "/backup", view.token, |html| {
            html.leaf("button", &[], view.say(Word::BackupNow));
        });
    });
    html.el("section", &[("class", "card")], |html| {
        html.leaf("p", &[("class", "first")], view.say(Word::BackupKeys));
        html.leaf("p", &[("class", "hint")], view.say(Word::BackupKeysHow));
        html.leaf("code", &[], text(&value["keys_command"]));
        html.leaf("p", &[("class", "hint")], view.say(Word::BackupRestore));
        html.leaf("code", &[], text(&value["restore_command"]));
        html.leaf("p", &[], view.say(Word::BackupRestoreText));
    });
}

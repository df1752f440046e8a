//! Lists that page and search on the server.

use serde::Deserialize;

use super::asked::Asked;
use crate::address::Address;

/// Rows of a page.
pub(super) const SIZE: u64 = 20;

/// A page of a list, as the API answers it.
#[derive(Debug, Deserialize)]
pub(super) struct Page<T> {
    pub index: u64,
    pub total_pages: u64,
    pub total: u64,
    pub items: Vec<T>,
}

/// What the frame of a list needs: whether there is anything, where it is, and the way to the pages before and after.
#[derive(Debug)]
pub(super) struct Paging {
    pub index: u64,
    pub pages: u64,
    pub total: u64,
    pub is_empty: bool,
    pub before: Option<Address>,
    pub after: Option<Address>,
}

impl Paging {
    /// For a page of the list at that address; `kept` is what else was asked of it.
    pub(super) fn of<T>(page: &Page<T>, list: &Address, asked: &Asked, kept: &[&'static str]) -> Self {
        let link = |index: u64| {
            let kept = kept.iter().fold(list.clone(), |address, name| address.maybe(name, asked.text(name)));
            kept.with("page", index)
        };
        Self {
            index: page.index,
            pages: page.total_pages,
            total: page.total,
            is_empty: page.items.is_empty(),
            before: (page.index > 1).then(|| link(page.index - 1)),
            after: (page.index < page.total_pages).then(|| link(page.index + 1)),
        }
    }
}

/// What was asked of a list of the API: its page, newest first.
pub(super) fn newest(list: Address, asked: &Asked) -> Address {
    list.with("sort_by", "desc:created").with("page", asked.page()).with("size", SIZE)
}

/// The filter for a text that is searched for.
pub(super) fn containing(text: &str) -> String {
    format!("contains:{text}")
}

//! One API token: its tree, from where it was used, and what would end with it.

use askama::Template;
use axum::extract::Path;
use uuid::Uuid;

use crate::address::Address;
use crate::console::asked;
use crate::console::error::{PageError, PageResult, page};
use crate::console::listing::Page;
use crate::console::shell::Shell;
use crate::console::views::{ApiToken, UsedNetwork};
use crate::console::visitor::Visitor;

/// Tokens that a token may be made from, one after the other.
const ANCESTORS: usize = 8;
/// What was made from it is shown to so many.
const DESCENDANTS: usize = 50;

/// A credential of the tree.
struct Branch {
    depth: usize,
    /// None for what has no page: a sign-in.
    id: Option<Uuid>,
    name: String,
    is_this: bool,
    /// Whether it ends with the token that the page is of.
    ends: bool,
}

impl Branch {
    fn indent(&self) -> String {
        "— ".repeat(self.depth)
    }
}

#[derive(Template)]
#[template(path = "console/api_token.html")]
struct OneApiToken<'t> {
    shell: Shell,
    token: &'t ApiToken,
    tree: Vec<Branch>,
    /// What ends with it and isn't shown.
    more: u64,
}

impl OneApiToken<'_> {
    fn title(&self) -> String {
        name_of(self.token)
    }

    fn networks(&self) -> &[UsedNetwork] {
        self.token.metadata.as_ref().map_or(&[], |metadata| &metadata.networks)
    }
}

fn name_of(token: &ApiToken) -> String {
    if token.name.is_empty() { token.id.to_string() } else { token.name.clone() }
}

/// A token that its visitor may see.
pub(super) async fn api_token(visitor: Visitor, Path(id): Path<String>) -> PageResult {
    let Some(id) = asked::id(&id) else {
        return Err(PageError::not_found(visitor.shell, "There is no such token."));
    };
    let token: ApiToken = visitor.api.get(&address_of(id)).await.map_err(visitor.refused())?;
    let mut tree = ancestors_of(&visitor, &token).await;
    let depth = tree.len();
    tree.push(Branch { depth, id: Some(token.id), name: name_of(&token), is_this: true, ends: false });
    let descendants = descendants_of(&visitor, &token, depth + 1).await?;
    let all = token.metadata.as_ref().map_or(0, |metadata| metadata.descendants);
    let more = all.saturating_sub(descendants.len() as u64);
    tree.extend(descendants);
    page(&OneApiToken { token: &token, tree, more, shell: visitor.shell })
}

fn address_of(id: Uuid) -> Address {
    Address::of("/api/v1/api_tokens/{}", &[&id])
}

/// What it was made from, the first one first: a sign-in, or a token that is listed no longer, ends the search.
async fn ancestors_of(visitor: &Visitor, token: &ApiToken) -> Vec<Branch> {
    let (mut names, mut parent) = (Vec::new(), token.body.parent_id);
    while let Some(id) = parent.filter(|_| names.len() < ANCESTORS) {
        match visitor.api.get::<ApiToken>(&address_of(id)).await {
            Ok(found) => {
                names.push((Some(found.id), name_of(&found)));
                parent = found.body.parent_id;
            }
            Err(_) => {
                names.push((None, "A sign-in".to_owned()));
                parent = None;
            }
        }
    }
    let branch = |(depth, (id, name))| Branch { depth, id, name, is_this: false, ends: false };
    names.into_iter().rev().enumerate().map(branch).collect()
}

/// The good tokens that were made from it, and from those, each below its own.
async fn descendants_of(visitor: &Visitor, token: &ApiToken, depth: usize) -> Result<Vec<Branch>, PageError> {
    let mut found: Vec<Branch> = Vec::new();
    let mut open = vec![(token.id, depth)];
    while let Some((id, depth)) = open.pop() {
        if id != token.id && found.len() >= DESCENDANTS {
            break;
        }
        let children = Address::of("/api/v1/api_tokens", &[])
            .with("parent_id", id)
            .with("active", true)
            .with("size", DESCENDANTS);
        let children: Page<ApiToken> = visitor.api.get(&children).await.map_err(visitor.refused())?;
        let place = found.iter().position(|branch| branch.id == Some(id)).map_or(found.len(), |at| at + 1);
        let room = DESCENDANTS - found.len().min(DESCENDANTS);
        let children: Vec<ApiToken> = children.items.into_iter().take(room).collect();
        open.extend(children.iter().map(|child| (child.id, depth + 1)));
        let branch = |child: ApiToken| Branch {
            depth,
            id: Some(child.id),
            name: name_of(&child),
            is_this: false,
            ends: true,
        };
        found.splice(place..place, children.into_iter().map(branch));
    }
    Ok(found)
}

//! The project and stack that are active at a server, found as the official client finds them.

use super::api::{self, CurrentUser, Named};
use super::{ClientError, Session};

/// The stack every server has.
const DEFAULT_STACK: &str = "default";

/// What is active at a server.
#[derive(Debug, Clone)]
pub struct Active {
    /// The project; `None` when none is set and there is no single one to take.
    pub project: Option<Named>,
    /// The stack; `None` when this account can see none.
    pub stack: Option<Named>,
}

/// Finds the active project and stack, starting from the ids remembered.
///
/// A project that is gone gives way to the account's default one, and that to the only one there is; a stack
/// that is gone gives way to the one named `default`.
pub fn resolve(
    session: &mut Session,
    user: &CurrentUser,
    project_id: Option<&str>,
    stack_id: Option<&str>,
) -> Result<Active, ClientError> {
    Ok(Active { project: project(session, user, project_id)?, stack: stack(session, stack_id)? })
}

fn project(
    session: &mut Session,
    user: &CurrentUser,
    remembered: Option<&str>,
) -> Result<Option<Named>, ClientError> {
    let preferred = user.default_project_id().map(|id| id.to_string());
    for id in [remembered, preferred.as_deref()].into_iter().flatten() {
        if let Some(project) = api::find_project(session, id)? {
            return Ok(Some(project));
        }
    }
    api::sole_project(session)
}

fn stack(session: &mut Session, remembered: Option<&str>) -> Result<Option<Named>, ClientError> {
    if let Some(id) = remembered
        && let Some(stack) = api::find_stack(session, id)?
    {
        return Ok(Some(stack));
    }
    api::find_stack(session, DEFAULT_STACK)
}

//! Kinds of resource, as scopes name them. Each says beside its routes what tokens that are bound to something may do
//! to one.

use std::fmt;

use super::access::Access;
use super::permissions::{Permission, Verb};

/// A kind of resource.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Kind {
    /// As the API's paths name it.
    pub name: &'static str,
    /// What a token for some projects may do to one of its projects, or of none.
    within_projects: &'static [Verb],
    concern: Concern,
}

/// What changing one comes to.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Concern {
    Work,
    /// It changes who may do what, or takes credentials back.
    Administration,
    /// It makes or changes credentials, and through them a narrowed token would be wide again.
    Credentials,
}

impl Kind {
    /// One that belongs to no project: a token for some projects only reads it.
    pub const fn new(name: &'static str) -> Self {
        Self { name, within_projects: &[Verb::Read], concern: Concern::Work }
    }

    /// Each belongs to a project, or to something that does.
    pub const fn in_project(self) -> Self {
        self.within_projects(&Verb::ALL)
    }

    /// What a token for some projects may do, though these belong to none.
    pub const fn within_projects(self, verbs: &'static [Verb]) -> Self {
        Self { within_projects: verbs, ..self }
    }

    /// No piece of work changes one, whatever its owner may: a token of a run, schedule or deployment does that work.
    pub const fn administration(self) -> Self {
        Self { concern: Concern::Administration, ..self }
    }

    /// Each is a credential, or leads to one: who makes or changes it needs all rights. Administration, too.
    pub const fn credential(self) -> Self {
        Self { concern: Concern::Credentials, ..self }
    }

    pub const fn to(self, verb: Verb) -> Permission {
        Permission { kind: self, verb }
    }

    /// What a route asks that does this to one.
    pub fn access(self, verb: Verb) -> Access {
        match (self.concern, verb) {
            (Concern::Credentials, Verb::Create | Verb::Update) => Access::FullScope,
            _ => Access::Needs(self.to(verb)),
        }
    }

    pub fn is_administration(self) -> bool {
        self.concern != Concern::Work
    }

    /// Whether a token for some projects may do that to one of its projects, or of none.
    pub fn allows_within_projects(self, verb: Verb) -> bool {
        self.within_projects.contains(&verb)
    }
}

impl fmt::Display for Kind {
    fn fmt(&self, formatter: &mut fmt::Formatter<'_>) -> fmt::Result {
        formatter.write_str(self.name)
    }
}

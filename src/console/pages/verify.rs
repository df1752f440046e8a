//! The page that a device's sign-in opens: somebody's machine asks to speak for whoever approves it.

use askama::Template;
use axum::http::StatusCode;

use crate::address::Address;
use crate::console::error::{PageResult, page};
use crate::console::shell::Shell;
use crate::console::views::Device;
use crate::console::visitor::Visitor;

pub(crate) const PATH: &str = "/console/devices/verify";

#[derive(Template)]
#[template(path = "console/verify.html")]
struct Verify {
    shell: Shell,
    /// The machine that waits; none when it doesn't, or doesn't wait for this code.
    device: Option<Device>,
    user_code: String,
}

impl Verify {
    fn has_expired(&self, device: &Device) -> bool {
        device.body.expires.is_some_and(|expires| expires.0 <= self.shell.now)
    }
}

/// What machine asks and from where, to be approved or denied.
pub(crate) async fn verify(visitor: Visitor) -> PageResult {
    let user_code = visitor.asked.code("user_code").unwrap_or_default().to_owned();
    let address =
        |id| Address::of("/api/v1/devices/{}", &[&id]).with("user_code", &user_code).with("hydrate", true);
    let device = match visitor.asked.id("device_id") {
        Some(id) => match visitor.api.get::<Device>(&address(id)).await {
            Ok(device) => Some(device),
            Err(refusal) if refusal.status == StatusCode::NOT_FOUND => None,
            Err(refusal) => return Err(visitor.refused()(refusal)),
        },
        None => None,
    };
    page(&Verify { shell: visitor.shell, device, user_code })
}

//! Devices: where the official client is signed in for whoever looks.

use askama::Template;

use crate::address::Address;
use crate::console::error::{PageResult, page};
use crate::console::listing::{Page, Paging, containing, newest};
use crate::console::shell::Shell;
use crate::console::views::Device;
use crate::console::visitor::Visitor;

#[derive(Template)]
#[template(path = "console/devices.html")]
struct Devices {
    shell: Shell,
    devices: Vec<Device>,
    paging: Paging,
    search: String,
    unused: bool,
}

impl Devices {
    fn status(&self, device: &Device) -> &'static str {
        let is_over = device.body.expires.is_some_and(|expires| expires.0 <= self.shell.now);
        match device.body.status.as_str() {
            "locked" => "Locked",
            _ if is_over => "Expired",
            "active" => "Signed in",
            "verified" => "Approved",
            _ => "Waiting",
        }
    }
}

/// One's own devices.
pub(super) async fn devices(visitor: Visitor) -> PageResult {
    let devices = newest(Address::of("/api/v1/devices", &[]), &visitor.asked)
        .with("hydrate", true)
        .maybe("unused_days", visitor.asked.unused())
        .maybe("hostname", visitor.asked.text("search").map(containing));
    let devices: Page<Device> = visitor.api.get(&devices).await.map_err(visitor.refused())?;
    page(&Devices {
        paging: Paging::of(
            &devices,
            &visitor.shell.at("/console/settings/devices"),
            &visitor.asked,
            &["search", "unused"],
        ),
        devices: devices.items,
        search: visitor.asked.text("search").unwrap_or_default().to_owned(),
        unused: visitor.asked.unused().is_some(),
        shell: visitor.shell,
    })
}

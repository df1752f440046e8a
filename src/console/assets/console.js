// What every page does when it is there.

import { takeSaid } from "./api.js";
import * as connectors from "./connectors.js";
import * as dialogs from "./dialogs.js";
import * as forms from "./forms.js";
import * as scopes from "./scopes.js";
import * as secrets from "./secrets.js";
import * as sessions from "./sessions.js";
import * as trusts from "./trusts.js";

for (const part of [connectors, dialogs, forms, scopes, secrets, sessions, trusts]) part.begin();

// The exact moment, in the reader's own time zone.
for (const time of document.querySelectorAll("time[title]")) {
  time.title = new Date(time.dateTime).toLocaleString(undefined, { dateStyle: "full", timeStyle: "long" });
}

const said = takeSaid();
const place = document.getElementById("said");
if (said && place) {
  place.textContent = said;
  place.hidden = false;
}

// A page that the back button brings back as it was may be of somebody who has signed out.
addEventListener("pageshow", (event) => {
  if (event.persisted) location.reload();
});

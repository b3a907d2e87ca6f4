// The only script of the shop. Every page works without it; it saves waiting and clicking.
// It believes nobody: a push or a frame's message only makes it read the page again.

import { guardForms } from "./forms.js";
import { watchOrder } from "./order.js";
import { offerNotifications } from "./notify.js";
import { enliven } from "./widgets.js";

guardForms();
enliven(document);
watchOrder();
offerNotifications();

import { OrSet, ready } from "dotted-crdt";

import { show } from "./show.js";

ready.then(() => show(new OrSet()));

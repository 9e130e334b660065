import { OrSet } from "dotted-crdt/inline";

import { show } from "./show.js";

show(new OrSet());

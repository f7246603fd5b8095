// node pull.js NAME LAYOUT: pulls an image into a new layout directory, verified.
import { copyImage } from "slipway/archive";
import { openDirectoryStore } from "slipway/node";
import { createRegistry } from "slipway/registry";

const [name = "", layout = ""] = process.argv.slice(2);
const { content, descriptor } = await createRegistry().source(name).resolve();
const store = await openDirectoryStore(layout);
await copyImage(content, store.content, descriptor);
await store.close();

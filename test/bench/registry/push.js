// node push.js LAYOUT IMAGE NAME: pushes an image of a layout directory. Prints what the push did.
import { openDirectoryStore } from "slipway/node";
import { createRegistry } from "slipway/registry";

const [layout = "", image = "", name = ""] = process.argv.slice(2);
const store = await openDirectoryStore(layout, { create: false });
const { target } = await store.images.get(image);
const pushed = await createRegistry().push({ content: store.content, descriptor: target }, name);
console.log(JSON.stringify(pushed));
await store.close();

// Takes the newer Node out of `node_modules/.bin` again, where npm puts every program of every package: npm's scripts are to
// run by the Node that the user chose, and only the tests that ask for the newer one are to find it.
import { rmSync } from "node:fs";

rmSync(new URL("../../../node_modules/.bin/node", import.meta.url), { force: true });

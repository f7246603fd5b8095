/**
 * A process that works on a layout directory beside others: `collect` removes garbage over and over, `build` makes images, some of them the same
 * as others make, and reports their names. Both end when they can read nothing more.
 */
import { setTimeout as sleep } from "node:timers/promises";
import { collectGarbage } from "../../src/content/index.ts";
import { build } from "../../src/frontend/index.ts";
import { openDirectoryStore } from "../../src/node/directory-store.ts";

const [, , command, directory = "", argument = "0"] = process.argv;

let isOver = false;
process.stdin.resume().on("end", () => {
  isOver = true;
});

for (let round = 0; !isOver; round++) {
  // Opened anew each time, as commands do.
  const store = await openDirectoryStore(directory, { durable: false });
  const { content, images, metadata, leases } = store;
  if (command === "collect") {
    await collectGarbage({ content, leases, roots: () => store.roots() });
  } else {
    const name = `example.org/b${argument}:${round}`;
    // Every other image is one that the others make, too, and delete.
    const text = round % 2 === 0 ? `${argument} ${round}` : `shared ${round % 8}`;
    await build({ content, images, metadata, leases, files: { "/f": text }, options: { name } });
    if (round % 4 === 3) await images.delete(name);
    else process.stdout.write(`${name}\n`);
  }
  await store.close();
  // Lets the end of the input be seen.
  await sleep(0);
}

/** Reads the directory that the first argument names until all its files are known in the store of the second, and prints what was read last. */
import { createMemoryContentStore } from "../../src/content/index.ts";
import { addDirectory } from "../../src/node/directory-source.ts";
import { openDirectoryStore } from "../../src/node/directory-store.ts";
import { createSnapshotter } from "../../src/snapshots/index.ts";

const [, , directory = "", storeDirectory = ""] = process.argv;
const trees = new Set<string>();
// As long as it takes until the files' times are past: a runtime may know them in whole seconds only.
for (;;) {
  const store = await openDirectoryStore(storeDirectory);
  const work = await createSnapshotter({ content: createMemoryContentStore() }).prepare("work");
  const { files, unread } = await addDirectory(work, directory, { xattrs: false, statCache: store.metadata });
  trees.add((await work.tree()).root.digest);
  await store.close();
  if (files === unread) {
    console.log(JSON.stringify({ files, unread, sameTree: trees.size === 1 }));
    break;
  }
  await new Promise((done) => setTimeout(done, 50));
}

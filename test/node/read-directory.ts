/** Reads the directory that the first argument names and prints what becomes of it, as JSON on one line. */
import { createMemoryContentStore } from "../../src/content/index.ts";
import { isSlipwayError } from "../../src/errors.ts";
import { addDirectory } from "../../src/node/directory-source.ts";
import { createMemoryMetadataStore, createSnapshotter } from "../../src/snapshots/index.ts";

const directory = process.argv[2] ?? "";
const snapshots = createSnapshotter({ content: createMemoryContentStore(), metadata: createMemoryMetadataStore() });
const work = await snapshots.prepare("work");
const warnings: string[] = [];
try {
  await addDirectory(work, directory, {
    preserveMtime: true,
    preserveOwner: true,
    onWarning: (message) => warnings.push(message),
  });
  const { root, links } = await work.tree();
  console.log(JSON.stringify({ digest: root.digest, links: [...links.values()], warnings }));
} catch (error) {
  if (!isSlipwayError(error)) throw error;
  console.log(JSON.stringify({ code: error.code, message: error.message }));
}

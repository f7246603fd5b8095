// Run by Deno: `script.ts SOURCE LAYOUT [FILE]`, or without a source to read what the layout has. Prints what came of it as one
// line of JSON.
import process from "node:process";
import { readBlob } from "../../src/content/index.ts";
import { addDirectory, openDirectoryStore, openTemporaryStore, writeFileAtomically } from "../../src/deno/index.ts";
import { isSlipwayError } from "../../src/errors.ts";
import { build, writeArchive } from "../../src/index.ts";

const [source = "", layout = "", file = ""] = process.argv.slice(2);
let outcome: Readonly<Record<string, unknown>>;
try {
  outcome = source === "" ? await readLayout() : await buildImage();
} catch (error) {
  outcome = isSlipwayError(error) ? { code: error.code, message: error.message } : { thrown: String(error) };
}
process.stdout.write(`${JSON.stringify(outcome)}\n`);

async function buildImage(): Promise<Readonly<Record<string, unknown>>> {
  const warnings: string[] = [];
  const store = layout === "" ? await openTemporaryStore() : await openDirectoryStore(layout);
  const image = await build({
    ...store,
    fill: (work, options) => addDirectory(work, source, { ...options, onWarning: (message) => warnings.push(message) }),
    options: { name: "site:1" },
  });
  if (file !== "") await writeFileAtomically(file, writeArchive(image, { names: ["site:1"] }));
  await store.close();
  return { digest: image.digest, warnings };
}

async function readLayout(): Promise<Readonly<Record<string, unknown>>> {
  const store = await openDirectoryStore(layout, { create: false });
  const [descriptor] = await store.roots();
  if (descriptor === undefined) throw new Error("the layout names nothing");
  let size = 0;
  for await (const chunk of readBlob(store.content, descriptor)) size += chunk.byteLength;
  await store.close();
  return { digest: descriptor.digest, whole: size === descriptor.size };
}

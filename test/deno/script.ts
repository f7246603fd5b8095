// Run by Deno: `script.ts SOURCE LAYOUT [FILE]`. Prints what came of it as one line of JSON.
import process from "node:process";
import { addDirectory, openDirectoryStore, openTemporaryStore, writeFileAtomically } from "../../src/deno/index.ts";
import { isSlipwayError } from "../../src/errors.ts";
import { build, writeArchive } from "../../src/index.ts";

const [source = "", layout = "", file = ""] = process.argv.slice(2);
const warnings: string[] = [];
let outcome: Readonly<Record<string, unknown>>;
try {
  const store = layout === "" ? await openTemporaryStore() : await openDirectoryStore(layout);
  const image = await build({
    ...store,
    fill: (work, options) => addDirectory(work, source, { ...options, onWarning: (message) => warnings.push(message) }),
    options: { name: "site:1" },
  });
  if (file !== "") await writeFileAtomically(file, writeArchive(image, { names: ["site:1"] }));
  await store.close();
  outcome = { digest: image.digest, warnings };
} catch (error) {
  outcome = isSlipwayError(error) ? { code: error.code, message: error.message } : { thrown: String(error) };
}
process.stdout.write(`${JSON.stringify(outcome)}\n`);

import { build, type InlineConfig } from "vite";

const bundled = new Map<string, Promise<string>>();

/**
 * A module of the tests, with what it imports, as the text of one JavaScript module for pages and Workers.
 * @param entry path of the TypeScript file
 */
export function bundleModule(entry: string): Promise<string> {
  return bundle(`module ${entry}`, {
    build: {
      lib: { entry, formats: ["es"], fileName: () => "module.js" },
      target: "es2022",
      minify: false,
      rollupOptions: { external: /^(?:node|cloudflare):/, output: { codeSplitting: false } },
    },
  });
}

/**
 * A module of the tests, with what it imports, as the text of one JavaScript module for plain Node.
 * @param entry path of the TypeScript file
 */
export function bundleProgram(entry: string): Promise<string> {
  return bundle(`program ${entry}`, {
    ssr: { noExternal: true },
    build: {
      ssr: entry,
      target: "node20",
      minify: false,
      rollupOptions: { output: { codeSplitting: false } },
    },
  });
}

function bundle(key: string, config: InlineConfig): Promise<string> {
  let result = bundled.get(key);
  if (result === undefined) {
    result = makeBundle(key, config);
    bundled.set(key, result);
  }
  return result;
}

async function makeBundle(key: string, config: InlineConfig): Promise<string> {
  const result = await build({
    configFile: false,
    logLevel: "error",
    ...config,
    build: { ...config.build, write: false },
  });
  const outputs = Array.isArray(result) ? result : [result];
  const chunks = outputs.flatMap((output) => ("output" in output ? output.output : []));
  const [chunk] = chunks;
  if (chunks.length !== 1 || chunk?.type !== "chunk") throw new Error(`${key} became ${chunks.length} files, not one`);
  return chunk.code;
}

import { build, type InlineConfig } from "vite";

/** A bundled module. */
export interface Bundle {
  /** Its text. */
  readonly code: string;
  /** Scripts of its workers by their names. The module looks for them at the root of its server. */
  readonly workers: Readonly<Record<string, string>>;
}

const bundled = new Map<string, Promise<Bundle>>();

/**
 * A module of the tests, with what it imports, as the text of one JavaScript module for pages and Workers.
 * @param entry path of the TypeScript file
 */
export async function bundleModule(entry: string): Promise<string> {
  return (await bundlePage(entry)).code;
}

/**
 * The same with the scripts of its workers, which have to be served beside it.
 * @param entry path of the TypeScript file
 */
export function bundlePage(entry: string): Promise<Bundle> {
  return bundle(`module ${entry}`, {
    worker: { format: "es", rollupOptions: { output: { entryFileNames: "[name].js" } } },
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
export async function bundleProgram(entry: string): Promise<string> {
  const { code } = await bundle(`program ${entry}`, {
    ssr: { noExternal: true },
    build: {
      ssr: entry,
      target: "node20",
      minify: false,
      rollupOptions: { output: { codeSplitting: false } },
    },
  });
  return code;
}

function bundle(key: string, config: InlineConfig): Promise<Bundle> {
  let result = bundled.get(key);
  if (result === undefined) {
    result = makeBundle(key, config);
    bundled.set(key, result);
  }
  return result;
}

async function makeBundle(key: string, config: InlineConfig): Promise<Bundle> {
  const result = await build({
    configFile: false,
    logLevel: "error",
    ...config,
    build: { ...config.build, write: false },
  });
  const outputs = Array.isArray(result) ? result : [result];
  const files = outputs.flatMap((output) => ("output" in output ? output.output : []));
  const [chunk, ...more] = files.filter((file) => file.type === "chunk");
  if (chunk === undefined || more.length > 0) throw new Error(`${key} became ${more.length + 1} modules, not one`);
  const assets = files.flatMap((file) => (file.type === "asset" ? [[file.fileName, String(file.source)]] : []));
  return { code: chunk.code, workers: Object.fromEntries(assets) };
}

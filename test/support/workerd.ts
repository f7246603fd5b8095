import { Miniflare, type WorkerOptions as MiniflareWorkerOptions, type SharedOptions } from "miniflare";
import { bundleModule } from "./bundle-text.ts";

/** How a Worker of the tests is started. */
export interface WorkerOptions {
  /** Default none: Slipway works without any. */
  readonly compatibilityFlags?: readonly string[] | undefined;
  /** Names of R2 buckets, each a binding of the same name; they are empty at first. */
  readonly buckets?: readonly string[] | undefined;
  /** Strings that the Worker finds in its environment. */
  readonly variables?: Readonly<Record<string, string>> | undefined;
}

/** Miniflare's options, but for the modules: offline and on loopback. */
export function workerOptions(
  options: WorkerOptions = {},
): SharedOptions & Omit<MiniflareWorkerOptions, "modules" | "script" | "scriptPath"> {
  return {
    compatibilityDate: "2026-04-01",
    compatibilityFlags: [...(options.compatibilityFlags ?? [])],
    host: "127.0.0.1",
    cf: false,
    r2Buckets: [...(options.buckets ?? [])],
    bindings: { ...options.variables },
  };
}

/**
 * Starts a module of the tests in workerd. End it with `dispose()`.
 * @param entry path of a TypeScript file that exports a handler by default
 */
export async function startWorker(entry: string, options: WorkerOptions = {}): Promise<Miniflare> {
  const miniflare = new Miniflare({
    ...workerOptions(options),
    modules: [{ type: "ESModule", path: "worker.mjs", contents: await bundleModule(entry) }],
  });
  await miniflare.ready;
  return miniflare;
}

import { readFileSync } from "node:fs";
import { createRequire } from "node:module";
import { join } from "node:path";
import { Miniflare } from "miniflare";
import { bundleModule } from "../support/bundle-text.ts";
import { workerOptions } from "../support/workerd.ts";
import { DEFAULT_TIMEOUT, type Engine, type RunOptions, resultOf } from "./engine.ts";
import { withResources } from "./resources.ts";

const MAIN = `
export default {
  async fetch(request, env) {
    const version = navigator.userAgent;
    try {
      const { run } = await import("./module.mjs");
      return Response.json({ version, value: (await run(await request.json(), env)) ?? null });
    } catch (error) {
      return Response.json({ version, failure: error.stack ?? String(error) });
    }
  },
};
`;

/** workerd through miniflare, without any compatibility flag and with one, with an R2 bucket \`BUCKET\` in its environment. */
export const workerEngines: readonly Engine[] = [
  { name: "workerd", flags: [] },
  { name: "workerd with nodejs_compat", flags: ["nodejs_compat"] },
].map(({ name, flags }) => ({
  name,
  flags,
  async run(program: string, { argument = null, timeout = DEFAULT_TIMEOUT }: RunOptions = {}) {
    return await withResources(name, timeout, async (resources) => {
      const contents = await bundleModule(join(program, "worker.ts"));
      const miniflare = new Miniflare({
        ...workerOptions({ compatibilityFlags: flags, buckets: ["BUCKET"] }),
        modules: [
          { type: "ESModule", path: "main.mjs", contents: MAIN },
          { type: "ESModule", path: "module.mjs", contents },
        ],
      });
      resources.hold("workerd", () => miniflare.dispose());
      const response = await miniflare.dispatchFetch("http://127.0.0.1/", {
        method: "POST",
        body: JSON.stringify(argument),
      });
      // To the Worker itself it tells no version.
      return { ...resultOf(name, await response.text()), version: workerdVersion() };
    });
  },
}));

/** Of the workerd that miniflare brings along. */
function workerdVersion(): string {
  const { resolve } = createRequire(createRequire(import.meta.url).resolve("miniflare"));
  const { version } = JSON.parse(readFileSync(resolve("workerd/package.json"), "utf8")) as { readonly version: string };
  return version;
}

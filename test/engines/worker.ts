import { join } from "node:path";
import { Miniflare } from "miniflare";
import { bundleModule } from "../support/bundle.ts";
import { workerOptions } from "../support/workerd.ts";
import { type Engine, type RunOptions, resultOf } from "./engine.ts";

const MAIN = `
import { run } from "./module.mjs";
export default {
  async fetch(request, env) {
    const version = navigator.userAgent;
    try {
      return Response.json({ version, value: (await run(await request.json(), env)) ?? null });
    } catch (error) {
      return Response.json({ version, failure: error.stack ?? String(error) });
    }
  },
};
`;

/** workerd through miniflare, without any compatibility flag, with an R2 bucket \`BUCKET\` in its environment. */
export const workerEngines: readonly Engine[] = [
  { name: "workerd", flags: [] },
  { name: "workerd with nodejs_compat", flags: ["nodejs_compat"] },
].map(({ name, flags }) => ({
  name,
  async run(program: string, { argument = null }: RunOptions = {}) {
    const miniflare = new Miniflare({
      ...workerOptions({ compatibilityFlags: flags, buckets: ["BUCKET"] }),
      modules: [
        { type: "ESModule", path: "main.mjs", contents: MAIN },
        { type: "ESModule", path: "module.mjs", contents: await bundleModule(join(program, "worker.ts")) },
      ],
    });
    try {
      const response = await miniflare.dispatchFetch("http://127.0.0.1/", {
        method: "POST",
        body: JSON.stringify(argument),
      });
      return resultOf(name, await response.text());
    } finally {
      await miniflare.dispose();
    }
  },
}));

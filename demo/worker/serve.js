// npm run worker: the Worker in workerd, with its bucket under out/worker. Nothing to sign up for.
//   npm run worker -- [--port 8787] [--token TOKEN] [--data DIR] [--limit BYTES] [--registries "docker.io ghcr.io"]
//                     [--actions "pull push"] [--pages ORIGIN] [--relay-token TOKEN]
// PORT, WRITE_TOKEN, REGISTRIES, PAGES, RELAY_TOKEN and RELAY_ACTIONS of the environment do the same.

import { randomBytes } from "node:crypto";
import { join, resolve } from "node:path";
import { parseArgs } from "node:util";
import { Miniflare } from "miniflare";
import { bundleWorker } from "./bundle.js";

const { values } = parseArgs({
  options: {
    port: { type: "string" },
    token: { type: "string" },
    data: { type: "string" },
    limit: { type: "string" },
    registries: { type: "string" },
    pages: { type: "string" },
    actions: { type: "string" },
    "relay-token": { type: "string" },
  },
});
const port = Number(values.port ?? process.env.PORT ?? 8787);
const token = values.token ?? process.env.WRITE_TOKEN ?? randomBytes(16).toString("hex");

/** Without registries there is no relay, and no image to build on. */
const relayBindings = Object.fromEntries(
  Object.entries({
    REGISTRIES: values.registries ?? process.env.REGISTRIES,
    PAGES: values.pages ?? process.env.PAGES,
    RELAY_ACTIONS: values.actions ?? process.env.RELAY_ACTIONS,
    RELAY_TOKEN: values["relay-token"] ?? process.env.RELAY_TOKEN,
  }).filter(([, value]) => value !== undefined),
);

const miniflare = new Miniflare({
  modules: [
    { type: "ESModule", path: "worker.mjs", contents: await bundleWorker(join(import.meta.dirname, "worker.ts")) },
  ],
  compatibilityDate: "2026-04-01",
  host: "127.0.0.1",
  port,
  cf: false,
  r2Buckets: ["BUCKET"],
  r2Persist: resolve(values.data ?? "out/worker"),
  bindings: {
    WRITE_TOKEN: token,
    ...(values.limit === undefined ? {} : { BODY_LIMIT: values.limit }),
    ...relayBindings,
  },
});
const { origin, host } = await miniflare.ready.catch(async (error) => {
  await miniflare.dispose().catch(() => undefined);
  if (error.code !== "ERR_ADDRESS_IN_USE") throw error;
  console.error(`Cannot listen on port ${port}: another program does; name another with --port`);
  process.exit(1);
});
console.log(`The Worker listens on ${origin}, on this machine only. Its write token is ${token}

Try it:
  tar -C demo/hello -c . | curl -fsS -T - -X POST -H "Authorization: Bearer ${token}" "${origin}/images/demo/hello:1?entrypoint=/bin/serve"
  curl -fsS "${origin}/images/demo/hello:1/archive" | docker load
  skopeo copy --src-tls-verify=false docker://${host}/demo/hello:1 oci:out/hello:1
`);

for (const signal of ["SIGINT", "SIGTERM"]) {
  process.once(signal, () => void miniflare.dispose().then(() => process.exit(0)));
}

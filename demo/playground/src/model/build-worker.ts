import { createSnapshotter, isSlipwayError } from "slipway";
import { createCompressPool } from "slipway/browser";
import { buildImage } from "./build.ts";
import type { BuildOrder, BuildReport } from "./build-messages.ts";
import { openStores } from "./stores.ts";

// Compressing takes all of a processor: in a worker the page goes on answering meanwhile. Both have the same database open.

const controller = new AbortController();
const report = (message: BuildReport): void => self.postMessage(message);

self.addEventListener("message", ({ data }: MessageEvent<BuildOrder>) => {
  if (data.kind === "cancel") controller.abort(new DOMException("The build was cancelled", "AbortError"));
  else void build(data);
});

async function build({ top, request }: Extract<BuildOrder, { kind: "build" }>): Promise<void> {
  try {
    const stores = await openStores();
    const compressPool = createCompressPool({ onWarning: (message) => report({ kind: "warning", message }) });
    try {
      const descriptor = await buildImage(stores, createSnapshotter(stores), top, request, {
        signal: controller.signal,
        onProgress: ({ error: _, ...event }) => report({ kind: "progress", event }),
        onWarning: (message) => report({ kind: "warning", message }),
        compressPool,
      });
      report({ kind: "done", descriptor });
    } finally {
      await compressPool.close();
      await stores.close();
    }
  } catch (error) {
    const code = isSlipwayError(error) ? error.code : undefined;
    report({ kind: "failed", code, message: error instanceof Error ? error.message : String(error) });
  }
}

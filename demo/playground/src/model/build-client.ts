import { type Descriptor, SlipwayError } from "slipway";
import type { BuildHooks } from "./build.ts";
import type { BuildOrder, BuildReport } from "./build-messages.ts";
import type { ImageRequest } from "./settings.ts";

/** How long a cancelled build may take to clean up. */
const PATIENCE_MS = 5_000;

/**
 * Builds in a worker of its own.
 * @param top key of the topmost layer
 * @returns the manifest, or the index of an image for several platforms
 */
export async function buildInWorker(top: string, request: ImageRequest, hooks: BuildHooks): Promise<Descriptor> {
  const { signal, onProgress, onWarning } = hooks;
  signal?.throwIfAborted();
  const worker = new Worker(new URL("./build-worker.ts", import.meta.url), { type: "module" });
  const order = (message: BuildOrder): void => worker.postMessage(message);
  try {
    return await new Promise<Descriptor>((resolve, reject) => {
      worker.addEventListener("message", ({ data }: MessageEvent<BuildReport>) => {
        if (data.kind === "progress") onProgress?.(data.event);
        else if (data.kind === "warning") onWarning(data.message);
        else if (data.kind === "done") resolve(data.descriptor);
        else reject(failure(data));
      });
      worker.addEventListener("error", ({ message }) => {
        reject(new Error(`The worker that builds has failed: ${message || "its script cannot be loaded"}`));
      });
      signal?.addEventListener("abort", () => {
        order({ kind: "cancel" });
        setTimeout(() => reject(signal.reason), PATIENCE_MS);
      });
      order({ kind: "build", top, request });
    });
  } finally {
    worker.terminate();
  }
}

/** An error of the library is one again, which it is not any more when it comes from a worker. */
function failure({ code, message }: Extract<BuildReport, { kind: "failed" }>): Error {
  return code === undefined ? new Error(message) : new SlipwayError(code, message);
}

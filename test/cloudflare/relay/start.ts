import { join } from "node:path";
import type { RegistryRelayOptions } from "../../../src/cloudflare/index.ts";
import { startWorker } from "../../support/workerd.ts";

/** A relay in workerd. */
export interface RunningRelay {
  /** `http://127.0.0.1:PORT` */
  readonly origin: string;
  /** What clients are given: `http://127.0.0.1:PORT/registry/` */
  readonly address: string;
  stop(): Promise<void>;
}

/** Starts it. Registries on loopback are talked to by http, and callers need no origin unless a test says so. */
export async function startRelay(options: RegistryRelayOptions): Promise<RunningRelay> {
  const worker = await startWorker(join(import.meta.dirname, "worker.ts"), {
    variables: { RELAY: JSON.stringify({ insecure: true, allowNoOrigin: true, ...options }) },
  });
  const { origin } = await worker.ready;
  return { origin, address: `${origin}/registry/`, stop: () => worker.dispose() };
}

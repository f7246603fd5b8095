import { mkdtemp, rm } from "node:fs/promises";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { openDirectoryStore } from "../../../src/node/index.ts";
import { type Host, type HostStores, memoryStores } from "./host.ts";

/** Node, Deno and Bun. */
export const processHost: Host = {
  now: async () => performance.now(),
  stores: { memory: memoryStores, directory },
};

async function directory(): Promise<HostStores> {
  const path = await mkdtemp(join(tmpdir(), "slipway-host-"));
  const { content, images, metadata } = await openDirectoryStore(path);
  return { content, images, metadata, close: () => rm(path, { recursive: true }) };
}

import { join } from "node:path";
import { afterAll, beforeAll, describe, expect, it } from "vitest";
import { createMemoryContentStore, readBlobBytes } from "../../src/content/index.ts";
import { engines } from "../engines/index.ts";
import { startTestRegistry, type TestRegistry } from "../support/registry-server/test-registry.ts";
import { sampleImage } from "../support/sample-image.ts";
import { itIf } from "../support/tools.ts";
import type { ExchangeArgument, ExchangeFacts } from "./registry/exchange.ts";

const program = join(import.meta.dirname, "registry");
const USER = { username: "user", password: "secret" };

let registry: TestRegistry;
let policy = "";
const made = new Map<string, readonly string[]>();

beforeAll(async () => {
  // Anybody may pull, only the user may push: with tokens of a service at another origin.
  registry = await startTestRegistry({
    cors: true,
    auth: { kind: "bearer", ...USER, anonymous: ["pull"] },
  });
  policy = `default-src 'self'; connect-src 'self' http://${registry.host} http://${registry.tokenHost}`;
  const base = await sampleImage(createMemoryContentStore(), {
    layers: [{ "etc/base": "base\n" }, { "bin/large": new Uint8Array(500_000) }],
  });
  const repository = registry.repositories.of("base");
  for (const blob of [base.config, ...base.layers]) {
    repository.blobs.set(blob.digest, await readBlobBytes(base.content, blob));
  }
  const { digest, mediaType } = base.descriptor;
  repository.manifests.set(digest, { mediaType, bytes: await readBlobBytes(base.content, base.descriptor) });
  repository.tags.set("1", digest);
});
afterAll(() => registry?.stop());

describe("a registry's client pulls, and pushes with a layer more", () => {
  for (const engine of engines) {
    const exchanges = async (): Promise<void> => {
      const to = `${registry.host}/made-by-${engine.name.toLowerCase().replace(/[^a-z]+/g, "-")}`;
      const argument: ExchangeArgument = {
        from: `${registry.host}/base:1`,
        to,
        user: USER,
        tokenService: registry.tokenHost,
      };
      const { value } = await engine.run(program, { argument, policy });
      const all = value as readonly ExchangeFacts[];
      expect(all.length).toBe(2);
      for (const facts of all) {
        expect(facts.pushed).toBe(facts.made);
        expect(facts.tags).toEqual([facts.stores.toLowerCase()]);
      }
      // The second store's image is there already when it is pushed.
      expect(all.map(({ blobs }) => blobs.existing + blobs.mounted + blobs.uploaded)).toEqual([4, 4]);
      expect(all[1]?.blobs.existing).toBe(4);
      made.set(
        engine.name,
        all.map(({ pulled, pushed }) => `${pulled.digest} ${pulled.bytes} ${pushed}`),
      );
    };
    itIf(engine.missing, `in ${engine.name}`, exchanges, 310_000);
  }

  it("with the same digests in all of them", () => {
    expect(made.size).toBeGreaterThanOrEqual(4);
    expect(new Set([...made.values()].flat()).size).toBe(1);
  });
});
